//! Programs that are run for their output.

use std::ffi::{OsStr, OsString};
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A program with everything it started, killed when this goes. It must have been started with a process group of
/// its own.
#[derive(Debug)]
pub struct Group(Option<rustix::process::Pid>);

impl Group {
    /// Of a program that was just started, by its process id.
    pub fn of(id: Option<u32>) -> Self {
        Self(id.and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Reads everything that a program prints; `None` when that is more than `limit` bytes.
///
/// # Errors
///
/// The pipe cannot be read.
pub async fn bounded(
    source: Option<impl AsyncRead + Unpin>,
    limit: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        let mut start = (&mut source).take(limit.saturating_add(1));
        start.read_to_end(&mut bytes).await?;
        // What is not read would stop the program for ever.
        tokio::io::copy(&mut source, &mut tokio::io::sink()).await?;
    }
    let is_too_much = bytes.len() as u64 > limit;
    Ok((!is_too_much).then_some(bytes))
}

/// A list of files as `KUBECONFIG` holds it, for a program that is started in another folder.
///
/// # Errors
///
/// The current folder cannot be found.
pub fn absolute_list(list: &OsStr) -> io::Result<OsString> {
    let is_named = |path: &std::path::PathBuf| !path.as_os_str().is_empty();
    let paths = std::env::split_paths(list).filter(is_named).map(std::path::absolute);
    let paths = paths.collect::<io::Result<Vec<_>>>()?;
    std::env::join_paths(paths).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_is_read_whole_or_not_at_all() {
        let read = async |limit| bounded(Some(&b"abc"[..]), limit).await.expect("it is in memory");
        assert_eq!(read(3).await.as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(2).await, None);
        assert_eq!(read(u64::MAX).await.as_deref(), Some(&b"abc"[..]));
        assert_eq!(bounded(None::<&[u8]>, 0).await.expect("there is none"), Some(Vec::new()));
    }

    #[test]
    fn names_of_files_hold_elsewhere_too() {
        let here = std::env::current_dir().expect("there is one");
        let list = absolute_list(OsStr::new("a::/b/../c:d/e")).expect("there is a folder");
        let paths: Vec<_> = std::env::split_paths(&list).collect();
        assert_eq!(paths, [here.join("a"), "/b/../c".into(), here.join("d/e")]);
        assert_eq!(absolute_list(OsStr::new("")).expect("there is nothing to do"), "");
    }
}
