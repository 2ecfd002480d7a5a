//! New files that have no name yet: written whole under a passing name, then renamed.
//!
//! A picture is read back seldom, and filling the page cache with it costs several times the processor time of handing it
//! to the disk; so large ones are written around it (`O_DIRECT`) where the file system can do that.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// Pictures from this size on go around the page cache.
pub(super) const DIRECT_FROM: usize = 256 * 1024;

/// A new file. Dropped before it has a name, it is removed.
#[derive(Debug)]
pub(super) struct Fresh {
    path: PathBuf,
    file: File,
    /// Whether writes go around the page cache.
    direct: bool,
    named: bool,
}

impl Fresh {
    /// Creates one in `dir`. Blocking.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let path = passing_name(dir);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if let Some(file) = open_direct(options.clone(), &path) {
            return Ok(Self { path, file, direct: true, named: false });
        }
        let file = options.open(&path)?;
        Ok(Self { path, file, direct: false, named: false })
    }

    /// Writes its content. Blocking.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.direct {
            if bytes.len() >= DIRECT_FROM && write_direct(&mut self.file, bytes).is_ok() {
                return Ok(());
            }
            // Whatever went wrong shows again here, if it is not about writing directly.
            self.through_page_cache()?;
            self.file.rewind()?;
            self.file.set_len(0)?;
        }
        self.file.write_all(bytes)
    }

    /// Gives it its name.
    pub(super) fn name(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.named = true;
        Ok(())
    }

    fn through_page_cache(&mut self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::fcntl_setfl(&self.file, rustix::fs::OFlags::empty())?;
        self.direct = false;
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.named {
            // Nothing is lost when it stays: the next start removes it.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A name that no blob can have.
pub(super) fn passing_name(dir: &Path) -> PathBuf {
    dir.join(format!("{}.tmp", Uuid::now_v7().simple()))
}

#[cfg(target_os = "linux")]
fn open_direct(mut options: OpenOptions, path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    let file = options.custom_flags(flags).open(path);
    if file.is_err() {
        // Some file systems create the file before they refuse the flag.
        drop(fs::remove_file(path));
    }
    file.ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_: OpenOptions, _: &Path) -> Option<File> {
    None
}

/// What every disk is content with.
const ALIGN: usize = 4096;
/// Bytes that are copied into aligned memory at a time.
const CHUNK: usize = 1024 * 1024;

/// Writes whole, aligned blocks from aligned memory.
fn write_direct(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    // Memory that begins on a block's boundary (our allocator's large pieces do) goes to the disk as it lies.
    let aligned = if bytes.as_ptr().align_offset(ALIGN) == 0 { bytes.len() & !(ALIGN - 1) } else { 0 };
    let (whole, rest) = bytes.split_at(aligned);
    file.write_all(whole)?;
    if rest.len() >= ALIGN {
        write_padded(file, rest)?;
        return file.set_len(bytes.len() as u64);
    }
    // Less than a block: the page cache takes that faster than a block and a cut.
    #[cfg(target_os = "linux")]
    rustix::fs::fcntl_setfl(&*file, rustix::fs::OFlags::empty())?;
    file.write_all(rest)
}

/// Writes through an aligned block of our own; the last one is filled up with zeros.
fn write_padded(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let size = CHUNK.min(bytes.len().next_multiple_of(ALIGN));
    let mut memory = vec![0; size + ALIGN];
    let start = memory.as_ptr().align_offset(ALIGN);
    let block = memory.get_mut(start..start + size).ok_or(io::ErrorKind::OutOfMemory)?;
    for part in bytes.chunks(CHUNK) {
        let padded = part.len().next_multiple_of(ALIGN);
        let (filled, rest) = block.split_at_mut_checked(part.len()).ok_or(io::ErrorKind::InvalidInput)?;
        filled.copy_from_slice(part);
        rest.fill(0);
        file.write_all(block.get(..padded).ok_or(io::ErrorKind::InvalidInput)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_every_length_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..3_300_000_u32).map(|n| n.to_le_bytes()[usize::from(n % 7 == 0)]).collect();
        // Memory on a block's boundary and off it.
        let start = whole.as_ptr().align_offset(ALIGN);
        for (start, name) in [(start, "aligned"), (start + 64, "unaligned")] {
            for len in [
                0,
                1,
                DIRECT_FROM - 1,
                DIRECT_FROM,
                DIRECT_FROM + 1,
                1 << 20,
                (1 << 20) + 4095,
                whole.len() - start,
            ] {
                let path = dir.path().join(format!("{name}-{len}"));
                let mut fresh = Fresh::create(dir.path()).unwrap();
                fresh.write(&whole[start..start + len]).unwrap();
                fresh.name(&path).unwrap();
                assert!(fs::read(&path).unwrap() == whole[start..start + len], "{name} {len}");
            }
        }
    }

    #[test]
    fn without_a_name_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut fresh = Fresh::create(dir.path()).unwrap();
        fresh.write(b"half").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(fresh);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
