//! The caller ID list.

use super::{Choice, Item};
use crate::app::Snapshot;

/// The caller IDs on offer; the value is a remark where the name says something else.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let now = snapshot.caller_id.as_ref().map(|id| id.value.as_str());
    let item = |id: &crate::domain::CallerId| Item {
        label: id.name.clone(),
        remark: if id.name == id.value { String::new() } else { id.value.clone() },
        enabled: true,
        current: now == Some(id.value.as_str()),
        choice: Choice::CallerId(id.value.clone()),
    };
    snapshot.caller_ids.iter().map(item).collect()
}
