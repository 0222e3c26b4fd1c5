//! Moments as scripts read them: UTC with always three digits after the second (`contract.md`, `status --json`), so that
//! one pattern fits every one of them.

use jiff::Timestamp;
use serde::Serializer;

/// `2026-01-02T03:04:05.600Z`.
pub(super) fn to_ms<S: Serializer>(moment: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{moment:.3}"))
}

/// The same, or null.
pub(super) fn to_ms_if_known<S: Serializer>(moment: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => to_ms(moment, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Moments {
        #[serde(serialize_with = "to_ms")]
        one: Timestamp,
        #[serde(serialize_with = "to_ms_if_known")]
        two: Option<Timestamp>,
    }

    #[test]
    fn a_moment_has_always_three_digits_after_the_second() {
        let shown = |ms, two: Option<i64>| {
            let two = two.map(|ms| Timestamp::from_millisecond(ms).unwrap());
            serde_json::to_value(Moments { one: Timestamp::from_millisecond(ms).unwrap(), two }).unwrap()
        };
        assert_eq!(shown(1_600, None), json!({"one": "1970-01-01T00:00:01.600Z", "two": null}));
        assert_eq!(
            shown(2_000, Some(7)),
            json!({"one": "1970-01-01T00:00:02.000Z", "two": "1970-01-01T00:00:00.007Z"})
        );
    }
}
