//! A saved picture in the format that its name promises: programs that go by the name refuse another.
//!
//! Services give what they give. What easel can write, JPEG and PNG, is converted; of the rest its owner is told.

use std::{fs, io, path::Path};

use easel_core::media::{PictureFormat, decode, encode_jpeg, encode_png};

use super::save::Saving;

/// The quality of a JPEG that is made of another picture: no difference to the eye.
const QUALITY: u8 = 95;

/// Endings that promise a picture of some format.
const ENDINGS: &[(&str, Option<PictureFormat>)] = &[
    ("jpg", Some(PictureFormat::Jpeg)),
    ("jpeg", Some(PictureFormat::Jpeg)),
    ("png", Some(PictureFormat::Png)),
    ("webp", Some(PictureFormat::Webp)),
    ("gif", Some(PictureFormat::Gif)),
    ("bmp", None),
    ("avif", None),
    ("heic", None),
    ("tif", None),
    ("tiff", None),
];

/// Makes the picture at `place` what its name says. Returns the format that it has all the same, where that could not be
/// done; the picture is as it was then.
pub(crate) fn fit(place: &Path) -> Option<PictureFormat> {
    let ending = place.extension()?.to_str()?.to_lowercase();
    let (_, promised) = ENDINGS.iter().find(|(known, _)| *known == ending)?;
    // Not what only looks like a file: reading a pipe would take away what was written.
    if !fs::metadata(place).ok()?.is_file() {
        return None;
    }
    let bytes = fs::read(place).ok()?;
    let found = PictureFormat::sniff(&bytes)?;
    if *promised == Some(found) {
        return None;
    }
    let pixels = || decode(&bytes, found).map_err(io::Error::other);
    let converted = match promised {
        Some(PictureFormat::Jpeg) => {
            pixels().and_then(|pixels| encode_jpeg(&pixels, QUALITY).map_err(io::Error::other))
        }
        Some(PictureFormat::Png) => pixels().and_then(|pixels| encode_png(&pixels).map_err(io::Error::other)),
        _ => return Some(found),
    };
    converted.and_then(|bytes| replace(place, &bytes)).is_err().then_some(found)
}

/// Replaces a file, whole or not at all, and leaves its mode.
fn replace(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = fs::canonicalize(place)?;
    let mode = fs::metadata(&place)?.permissions();
    let mut saving = Saving::replacing(place);
    saving.write(bytes);
    let named = saving.finish()?;
    // Some file systems have no modes; the picture is there all the same.
    fs::set_permissions(named, mode).ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use easel_testkit::pictures;

    use super::*;

    #[track_caller]
    fn check(name: &str, bytes: &[u8], odd: Option<PictureFormat>, expected: Option<PictureFormat>) {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join(name);
        fs::write(&place, bytes).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(fit(&place), odd, "{name}");
        let now = fs::read(&place).unwrap();
        assert_eq!(PictureFormat::sniff(&now), expected, "{name}");
        let is_kept = PictureFormat::sniff(bytes) == expected;
        assert_eq!(now == bytes, is_kept, "{name}");
        if !is_kept {
            assert_eq!(pictures::dimensions(&now), (64, 48));
        }
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_picture_is_what_its_name_says() {
        use PictureFormat::{Jpeg, Png};
        let png = pictures::png(64, 48, 1);
        check("cat.jpg", &png, None, Some(Jpeg));
        check("cat.JPEG", &png, None, Some(Jpeg));
        check("cat.png", &png, None, Some(Png));
        check("cat", &png, None, Some(Png));
        check("cat.bin", &png, None, Some(Png));
        check("cat.webp", &png, Some(Png), Some(Png));
        check("cat.bmp", &png, Some(Png), Some(Png));
        // What can't be read stays as it came.
        check("cut.jpg", png.get(..40).unwrap(), Some(Png), Some(Png));
        check("words.jpg", b"words", None, None);
    }
}
