//! A sign-in that may outlive the program.

use std::fmt;

/// By what the platform knows a sign-in, and what it was made with. As text: one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSignIn {
    /// `RegID`.
    pub reg_id: String,
    /// The phone that was bound.
    pub phone: Option<String>,
    /// `agType`: 1 dynamic, 2 static.
    pub kind: Option<u8>,
}

impl KnownSignIn {
    /// Reads the text form; what is not there is not known.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let reg_id = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let phone = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
        Some(Self { reg_id, phone, kind: lines.next().and_then(|line| line.parse().ok()) })
    }
}

impl fmt::Display for KnownSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reg_id)?;
        if let Some(phone) = &self.phone {
            write!(f, "\n{phone}")?;
            if let Some(kind) = self.kind {
                write!(f, "\n{kind}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_less_is_enough() {
        let whole = KnownSignIn { reg_id: "R 2".into(), phone: Some("9001".into()), kind: Some(2) };
        assert_eq!(whole.to_string(), "R 2\n9001\n2");
        assert_eq!(KnownSignIn::read("R 2\n9001\n2\n"), Some(whole));
        let bare = KnownSignIn { reg_id: "R1".into(), phone: None, kind: None };
        assert_eq!((KnownSignIn::read("R1\n"), bare.to_string()), (Some(bare.clone()), "R1".to_owned()));
        assert_eq!(KnownSignIn::read(" \n9001"), None);
    }
}
