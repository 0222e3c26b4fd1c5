//! The `RegID` of the sign-in, by which the platform knows a restarted program again (protocol `cti.md` 2.3).

use std::{fs, io, path::Path};

use super::files;

/// Reads the `RegID` that an earlier run left; none if there is none, or it cannot be read.
pub fn read_reg_id(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty() && id.len() < 256)
}

/// Keeps a `RegID`, or forgets it.
pub(super) fn write_reg_id(file: &Path, reg_id: Option<&str>) -> io::Result<()> {
    match reg_id {
        Some(reg_id) => files::replace(file, format!("{reg_id}\n").as_bytes()),
        None => files::remove(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/session-8001");
        assert_eq!(read_reg_id(&file), None);
        write_reg_id(&file, None).unwrap();
        write_reg_id(&file, Some("R9")).unwrap();
        assert_eq!(read_reg_id(&file).as_deref(), Some("R9"));
        write_reg_id(&file, None).unwrap();
        assert_eq!(read_reg_id(&file), None);
        fs::write(&file, "x".repeat(300)).unwrap();
        assert_eq!(read_reg_id(&file), None, "that is no RegID");
    }
}
