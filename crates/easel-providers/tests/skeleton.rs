//! What an answer without any picture may take of memory: a process of its own, because it counts all that is allocated.

use easel_core::media::{BytesBudget, Spool};
use easel_providers::answer::{AnswerError, AnswerReader, SKELETON_BYTES};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// As pieces come from a socket.
const PIECE: usize = 64 * 1024;
/// More than any shape may be read of.
const ALL: u64 = 32 << 20;

/// Reads `begin` and then `again` until it is refused; what is allocated meanwhile is no more than the allowance.
#[track_caller]
fn check(spool: &Spool, begin: &str, again: impl Fn(usize) -> String) {
    let shown = format!("{begin}{}", again(0));
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let mut reader = AnswerReader::new(spool.clone(), 0, ALL);
    let (mut piece, mut nth) = (begin.to_owned(), 0);
    let refused = loop {
        while piece.len() < PIECE {
            piece.push_str(&again(nth));
            nth += 1;
        }
        if let Err(refused) = reader.push(piece.as_bytes()) {
            break refused;
        }
        piece.clear();
    };
    let taken = HEAP.peak_usage() - before;
    assert!(matches!(refused, AnswerError::TooMuch(_)), "{shown}: {refused:?}");
    assert!(taken <= SKELETON_BYTES + 4 * PIECE, "{shown}: {taken} bytes are held");
    // Nor is so much counted that an ordinary answer finds no room.
    assert!(taken >= SKELETON_BYTES / 6, "{shown}: only {taken} bytes are held");
}

#[test]
fn what_is_allowed_is_what_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap();
    for (begin, again) in [
        ("[1", ",1"),
        ("[null", ",null"),
        ("[\"\"", ",\"\""),
        ("[\"a\"", ",\"some letters\""),
        ("[[]", ",[1]"),
        ("[[]", ",[[1]]"),
        ("[[]", ",[1,2,3,4,5]"),
        ("[{}", ",{\"a\":1}"),
        ("[{}", ",{\"a\":{\"b\":{\"c\":[{\"d\":\"e\"}]}}}"),
        ("[{}", ",{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8}"),
        ("{\"a\":\"", "words and words "),
    ] {
        check(&spool, begin, |_| again.to_owned());
    }
    check(&spool, "{\"a\":1", |nth| format!(",\"k{nth}\":1"));
    check(&spool, "{\"a\":1", |nth| format!(",\"a-key-of-some-more-letters-{nth}\":{{\"b\":[]}}"));
}
