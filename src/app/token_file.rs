//! `token_file` is watched: what is written into it becomes the token at once.
//!
//! Looked at rather than subscribed to: that works on every file system, through every way of replacing a file, and
//! costs one `stat` every two seconds.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{TokenSource, token},
    i18n::Message,
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// A file that is being written is not a token yet; only after so many looks is it told that it is none.
const LOOKS: u32 = 3;

/// By what a changed file is known.
#[derive(PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Watches a file whose token is known, for as long as what it holds can be told.
pub(super) async fn watch(
    path: PathBuf,
    mut known: SecretString,
    tell: impl Fn(Result<SecretString, Message>) -> bool,
) {
    // Read once at the beginning: it may have changed since the token was taken from it.
    let mut seen: Option<Option<Stamp>> = None;
    let mut bad = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let stamp = stamp(&path).await;
        if seen.as_ref() == Some(&stamp) {
            continue;
        }
        let going_on = match token::obtain(&TokenSource::File(path.clone())).await {
            Ok(token) => {
                (seen, bad) = (Some(stamp), 0);
                if token.expose_secret() == known.expose_secret() {
                    continue;
                }
                tracing::info!("token_file holds a new token");
                known = token.clone();
                tell(Ok(token))
            }
            Err(error) => {
                bad += 1;
                if bad < LOOKS {
                    continue;
                }
                (seen, bad) = (Some(stamp), 0);
                tell(Err(error.message()))
            }
        };
        if !going_on {
            return;
        }
    }
}

async fn stamp(path: &Path) -> Option<Stamp> {
    let meta = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp { modified: meta.modified().ok(), length: meta.len(), inode: meta.ino() })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    type Told = mpsc::UnboundedReceiver<Result<SecretString, Message>>;

    fn watched(path: &Path) -> (Told, tokio::task::JoinHandle<()>) {
        let (tell, told) = mpsc::unbounded_channel();
        let watch = watch(path.to_owned(), "Bearer first".into(), move |token| tell.send(token).is_ok());
        (told, tokio::spawn(watch))
    }

    async fn next(told: &mut Told) -> String {
        match tokio::time::timeout(Duration::from_secs(30), told.recv()).await.unwrap().unwrap() {
            Ok(token) => token.expose_secret().to_owned(),
            Err(message) => message.key().to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_is_told_once_and_the_same_again_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "Bearer first\n").unwrap();
        let (mut told, task) = watched(&path);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(told.try_recv().is_err(), "nothing new");

        std::fs::write(&path, "Bearer second\n").unwrap();
        assert_eq!(next(&mut told).await, "Bearer second");

        // Replaced by another file, as careful programs do.
        let new = dir.path().join("new");
        std::fs::write(&new, "Bearer third!\n").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(next(&mut told).await, "Bearer third!");

        std::fs::write(&path, "Bearer third!\n\n").unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(told.try_recv().is_err());

        drop(told);
        std::fs::write(&path, "Bearer last\n").unwrap();
        tokio::time::timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_token_is_told_once_and_a_file_that_comes_back_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "secret-without-type\n").unwrap();
        let (mut told, _task) = watched(&path);
        assert_eq!(next(&mut told).await, "config.token_no_type");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(told.try_recv().is_err());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(next(&mut told).await, "config.token_file");
        std::fs::write(&path, "Bearer back\n").unwrap();
        assert_eq!(next(&mut told).await, "Bearer back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_being_written_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "").unwrap();
        let (mut told, _task) = watched(&path);
        tokio::time::sleep(EVERY + EVERY / 2).await;
        std::fs::write(&path, "Bearer whole\n").unwrap();
        assert_eq!(next(&mut told).await, "Bearer whole");
    }
}
