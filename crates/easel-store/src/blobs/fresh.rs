//! New files that have no name yet: written whole under a passing name, then renamed.
//!
//! A picture is read back seldom, and filling the page cache with it costs several times the processor time of handing it
//! to the disk; so large ones are written around it (`O_DIRECT`) where the file system can do that.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use uuid::Uuid;

/// Pictures from this size on go around the page cache.
pub(super) const DIRECT_FROM: usize = 256 * 1024;

/// Segments below it go through the page cache even where others go around it: a trip to the disk costs more than a copy.
const DIRECT_SEGMENT: usize = 64 * 1024;

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

    /// Writes its whole content, however that can be done. Blocking.
    pub(super) fn write(&mut self, segments: &[Bytes]) -> io::Result<()> {
        let len: usize = segments.iter().map(Bytes::len).sum();
        if self.direct {
            if len >= DIRECT_FROM && self.append(segments).is_ok() {
                return Ok(());
            }
            // Whatever went wrong shows again here, if it is not about writing directly.
            self.through_page_cache()?;
            self.file.rewind()?;
            self.file.set_len(0)?;
        }
        self.append(segments)
    }

    /// Writes what follows. Before the last one come only segments of whole blocks, as the sinks of the core make them;
    /// from the first other one on everything goes through the page cache. Blocking.
    pub(super) fn append(&mut self, segments: &[Bytes]) -> io::Result<()> {
        let mut ready = Vec::with_capacity(segments.len());
        for segment in segments {
            let whole = match self.direct {
                true if segment.len() < DIRECT_SEGMENT => 0,
                true => segment.len() & !(ALIGN - 1),
                false => segment.len(),
            };
            let (blocks, rest) = segment.split_at(whole);
            // Memory that begins on a block's boundary (our allocator's large pieces do) goes to the disk as it lies.
            if !self.direct || blocks.as_ptr().align_offset(ALIGN) == 0 {
                ready.push(IoSlice::new(blocks));
            } else {
                write_all(&mut self.file, &mut ready)?;
                write_aligned(&mut self.file, blocks)?;
            }
            if !rest.is_empty() {
                write_all(&mut self.file, &mut ready)?;
                // Less than a block: the page cache takes that faster than a block and a cut.
                self.through_page_cache()?;
                self.file.write_all(rest)?;
            }
        }
        write_all(&mut self.file, &mut ready)
    }

    /// Gives it its name.
    pub(super) fn name(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.named = true;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
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

/// Writes all slices with as few calls as possible.
fn write_all(file: &mut File, slices: &mut Vec<IoSlice<'_>>) -> io::Result<()> {
    let mut rest = slices.as_mut_slice();
    // Takes empty ones off the front.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    slices.clear();
    Ok(())
}

/// Writes whole blocks through aligned memory of our own.
fn write_aligned(file: &mut File, blocks: &[u8]) -> io::Result<()> {
    let size = CHUNK.min(blocks.len());
    let mut memory = vec![0; size + ALIGN];
    let start = memory.as_ptr().align_offset(ALIGN);
    let aligned = memory.get_mut(start..start + size).ok_or(io::ErrorKind::OutOfMemory)?;
    for part in blocks.chunks(CHUNK) {
        let (filled, _) = aligned.split_at_mut_checked(part.len()).ok_or(io::ErrorKind::InvalidInput)?;
        filled.copy_from_slice(part);
        file.write_all(filled)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Bytes {
        (0..3_300_000_u32).map(|n| n.to_le_bytes()[usize::from(n % 7 == 0)]).collect()
    }

    #[test]
    fn segments_follow_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let whole = content();
        let start = whole.as_ptr().align_offset(ALIGN);
        for (start, name) in [(start, "aligned"), (start + 64, "unaligned")] {
            // Whole blocks, and at the end or in between others.
            for lengths in
                [&[8192, 4096, 1 << 20][..], &[1 << 20, 4096, 5000], &[4096, 100, 8192, 0, 7], &[0, 9]]
            {
                let mut rest = whole.slice(start..start + lengths.iter().sum::<usize>());
                let expected = rest.clone();
                let segments: Vec<_> = lengths.iter().map(|length| rest.split_to(*length)).collect();
                for at_once in [1, 2, 9] {
                    let path = dir.path().join(format!("{name}-{}", Uuid::now_v7()));
                    let mut fresh = Fresh::create(dir.path()).unwrap();
                    for segments in segments.chunks(at_once) {
                        fresh.append(segments).unwrap();
                    }
                    fresh.name(&path).unwrap();
                    assert!(fs::read(&path).unwrap() == expected, "{name} {lengths:?} {at_once}");
                }
            }
        }
    }

    #[test]
    fn files_of_every_length_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let whole = content();
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
                fresh.write(&[whole.slice(start..start + len)]).unwrap();
                fresh.name(&path).unwrap();
                assert!(fs::read(&path).unwrap() == whole[start..start + len], "{name} {len}");
            }
        }
    }

    #[test]
    fn without_a_name_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut fresh = Fresh::create(dir.path()).unwrap();
        fresh.write(&[Bytes::from_static(b"half")]).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(fresh);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
