//! What becomes of files, by what the server says and sends.

use std::time::Duration;

use super::*;

const FILE: FileId = FileId(5);
const BYTES_MAX: u32 = 100_000;

fn id(name: &str) -> ParticipantId {
    ParticipantId::try_from(name.to_owned()).unwrap()
}

/// The files of Ada, who is in a room where files can be sent.
fn files() -> Files {
    let mut files = Files::default();
    files.handle_snapshot(id("ada"), true, BYTES_MAX);
    files
}

fn file(bytes: u64) -> NewFile {
    NewFile { to: None, name: "plan.pdf".to_owned(), bytes, media_type: String::new() }
}

fn offer(from: &str, reference: u32, bytes: u32) -> FileOffer {
    FileOffer {
        id: FILE,
        reference,
        from: id(from),
        display_name: from.to_owned(),
        to: None,
        name: "plan.pdf".to_owned(),
        bytes,
        media_type: "application/octet-stream".to_owned(),
        age_s: 0,
    }
}

/// Offers a file that the server knows and Bob takes.
fn offered(files: &mut Files, bytes: u32) -> u32 {
    let reference = files.offer(file(bytes.into())).unwrap();
    assert!(matches!(files.poll_message(), Some(ClientMessage::OfferFile { .. })));
    files.handle_offered(&offer("ada", reference, bytes));
    assert_eq!(files.poll_answer(), Some((reference, Ok(FILE))));
    files.handle_accepted(FILE, id("bob"));
    assert_eq!(files.poll_event(), Some(Event::FileAccepted { file: FILE, participant: id("bob") }));
    reference
}

/// Takes a file of Bob's, which the server has sent.
fn taken(files: &mut Files, now: Instant, bytes: u32) -> u32 {
    let content = files.accept(now, &offer("bob", 1, bytes)).unwrap();
    assert_eq!(files.poll_message(), Some(ClientMessage::AcceptFile { file: FILE }));
    files.handle_accepted(FILE, id("ada"));
    assert!(matches!(files.poll_event(), Some(Event::FileAccepted { .. })));
    content
}

fn want(place: u32) -> Vec<u8> {
    [1, FILE.0, place].iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Does what is to be read, of a file that is full of sevens.
fn read_all(files: &mut Files, now: Instant) {
    while let Some(Work { content, step }) = files.poll_work() {
        let Step::Read { session, place, length } = step else { panic!("{step:?}") };
        let bytes = vec![7; usize::try_from(length).unwrap()];
        files.handle_done(now, Done { content, outcome: Outcome::Read { session, place, bytes } });
    }
}

#[test]
fn the_parts_that_are_wanted_are_read_and_sent_in_their_order() {
    let now = Instant::now();
    let mut files = files();
    offered(&mut files, 40_000);
    assert!(files.needs_channel());
    for place in [32_768, 0, 16_384] {
        files.handle_data(now, &want(place));
    }
    read_all(&mut files, now);
    for (place, length) in [(32_768, 7_232), (0, 16_384), (16_384, 16_384)] {
        assert_eq!(files.part(), Some(part(FILE, place, &vec![7; length]).as_slice()));
        files.handle_sent(now);
    }
    assert_eq!(files.part(), None);
    let progress = |done| Some(Event::FileProgressed { file: FILE, done, bytes: 40_000 });
    assert_eq!((files.poll_event(), files.poll_event()), (progress(7_232), progress(40_000)));
}

#[test]
fn no_more_is_read_than_the_server_may_ask_for() {
    let now = Instant::now();
    let mut files = files();
    offered(&mut files, BYTES_MAX);
    for _ in 0..100 {
        files.handle_data(now, &want(0));
    }
    let work: Vec<_> = std::iter::from_fn(|| files.poll_work()).collect();
    assert_eq!(work.len(), outgoing::WANTS_MAX);
}

#[test]
fn what_is_no_part_of_an_own_file_is_not_read() {
    let now = Instant::now();
    let mut files = files();
    offered(&mut files, 40_000);
    for place in [1, 49_152, u32::MAX] {
        files.handle_data(now, &want(place));
    }
    let mut other = want(0);
    other[7] = 9;
    files.handle_data(now, &other);
    files.handle_data(now, &want(0)[..11]);
    assert_eq!(files.poll_work(), None);
}

#[test]
fn what_one_channel_asked_for_is_not_sent_by_another() {
    let now = Instant::now();
    let mut files = files();
    offered(&mut files, 40_000);
    files.handle_data(now, &want(0));
    files.handle_session_over();
    read_all(&mut files, now);
    assert_eq!(files.part(), None);
    files.handle_data(now, &want(0));
    read_all(&mut files, now);
    assert!(files.part().is_some());
}

#[test]
fn what_is_too_large_or_empty_is_not_offered_and_says_why() {
    let mut files = files();
    let text = |result: Result<u32, FileError>| result.unwrap_err().to_string();
    assert_eq!(text(files.offer(file(0))), "the file is empty");
    let too_large = "the file has 100001 bytes, and the server takes 100000 at most";
    assert_eq!(text(files.offer(file(100_001))), too_large);
    assert!(matches!(files.offer(file(u64::MAX)), Err(FileError::TooLarge { .. })));
    for _ in 0..OUTGOING_MAX {
        files.offer(file(100_000)).unwrap();
    }
    assert_eq!(files.offer(file(1)), Err(FileError::TooMany { max: 8 }));
    files.handle_snapshot(id("ada"), true, 0);
    assert_eq!(files.offer(file(1)), Err(FileError::Unavailable));
}

#[test]
fn an_error_answers_the_oldest_question_about_files() {
    let now = Instant::now();
    let mut files = files();
    files.handle_error(ErrorCode::BadFile, "about nothing that is known");
    let first = files.offer(file(10)).unwrap();
    files.accept(now, &offer("bob", 1, 10)).unwrap();
    files.handle_error(ErrorCode::RoomFull, "about something else");
    assert_eq!(files.poll_answer(), None);
    files.handle_error(ErrorCode::TooManyFiles, "too many");
    assert_eq!(files.poll_answer(), Some((first, Err(FileError::Refused("too many".to_owned())))));
    files.handle_error(ErrorCode::TooFast, "no question about taking is answered so");
    assert_eq!(files.poll_event(), None);
    files.handle_error(ErrorCode::NoSuchFile, "gone");
    let text = "the server refuses it: gone".to_owned();
    assert_eq!(files.poll_event(), Some(Event::FileFailed { file: FILE, text }));
    assert!(!files.needs_channel());
}

#[test]
fn an_answer_to_a_later_question_refuses_those_before_it() {
    let mut files = files();
    let first = files.offer(file(10)).unwrap();
    let second = files.offer(file(10)).unwrap();
    files.handle_offered(&offer("ada", second, 10));
    assert!(matches!(files.poll_answer(), Some((number, Err(FileError::Refused(_)))) if number == first));
    assert_eq!(files.poll_answer(), Some((second, Ok(FILE))));
}

#[test]
fn an_offer_whose_answer_was_lost_is_taken_back() {
    let mut files = files();
    let reference = files.offer(file(10)).unwrap();
    files.poll_message();
    files.handle_opened();
    assert_eq!(files.poll_answer(), Some((reference, Err(FileError::Lost))));
    files.handle_snapshot(id("ada"), true, BYTES_MAX);
    files.handle_offered(&offer("ada", reference, 10));
    assert_eq!(files.poll_message(), Some(ClientMessage::WithdrawFile { file: FILE }));
    assert_eq!(files.poll_answer(), None);
}

#[test]
fn a_file_comes_from_anywhere_and_is_received_once_all_is_written() {
    let now = Instant::now();
    let mut files = files();
    let content = taken(&mut files, now, 20_000);
    for (place, length) in [(16_384, 3_616), (0, 16_384), (0, 16_384)] {
        files.handle_data(now, &part(FILE, place, &vec![7; length]));
    }
    for (place, length) in [(16_384, 3_616), (0, 16_384)] {
        let step = Step::Write { place, bytes: vec![7; length] };
        assert_eq!(files.poll_work(), Some(Work { content, step }));
        let length = u32::try_from(length).unwrap();
        files.handle_done(now, Done { content, outcome: Outcome::Written { length } });
    }
    assert_eq!(files.poll_work(), Some(Work { content, step: Step::Finish }));
    assert_eq!(files.poll_message(), None, "it may still fail");
    files.handle_done(now, Done { content, outcome: Outcome::Finished });
    assert_eq!(files.poll_work(), Some(Work { content, step: Step::Close }));
    assert_eq!(files.poll_message(), Some(ClientMessage::EndFile { file: FILE, received: true }));
    let events: Vec<_> = std::iter::from_fn(|| files.poll_event()).collect();
    assert_eq!(events.last(), Some(&Event::FileSaved { file: FILE }));
    files.handle_ended(FILE, id("ada"), FileOutcome::Received);
    assert_eq!(files.poll_event(), None);
}

#[test]
fn parts_may_come_before_the_word_that_they_do() {
    let now = Instant::now();
    let mut files = files();
    files.accept(now, &offer("bob", 1, 3)).unwrap();
    files.handle_data(now, &part(FILE, 0, b"abc"));
    assert!(matches!(files.poll_work(), Some(Work { step: Step::Write { .. }, .. })));
}

#[test]
fn the_end_of_an_earlier_turn_does_not_end_the_later_one() {
    let now = Instant::now();
    let mut files = files();
    taken(&mut files, now, 20_000);
    files.cancel(FILE);
    let (participant, outcome) = (id("ada"), FileOutcome::Cancelled);
    assert_eq!(files.poll_event(), Some(Event::FileEnded { file: FILE, participant, outcome }));
    assert_eq!(files.poll_message(), Some(ClientMessage::EndFile { file: FILE, received: false }));
    files.accept(now, &offer("bob", 1, 20_000)).unwrap();
    files.handle_ended(FILE, id("ada"), FileOutcome::Cancelled);
    assert_eq!(files.poll_event(), None, "it was told");
    files.handle_accepted(FILE, id("ada"));
    files.handle_ended(FILE, id("ada"), FileOutcome::Stalled);
    assert_eq!(files.poll_event(), Some(Event::FileAccepted { file: FILE, participant: id("ada") }));
    assert!(matches!(files.poll_event(), Some(Event::FileEnded { outcome: FileOutcome::Stalled, .. })));
    assert!(!files.needs_channel());
}

#[test]
fn a_file_of_which_nothing_comes_is_given_up() {
    let now = Instant::now();
    let mut files = files();
    taken(&mut files, now, 20_000);
    let due = files.poll_timeout().unwrap();
    files.handle_timeout(now + Duration::from_secs(20));
    assert!(files.needs_channel(), "the server waits for so long");
    files.handle_timeout(due);
    assert_eq!(files.poll_message(), Some(ClientMessage::EndFile { file: FILE, received: false }));
    assert!(matches!(files.poll_event(), Some(Event::FileEnded { outcome: FileOutcome::Stalled, .. })));
    assert_eq!(files.poll_timeout(), None);
}

#[test]
fn what_cannot_be_read_is_taken_back_and_what_cannot_be_written_is_ended() {
    let now = Instant::now();
    let failed = |content| Done { content, outcome: Outcome::Failed("the disk is full".to_owned()) };
    let event = Event::FileFailed { file: FILE, text: "the disk is full".to_owned() };

    let mut own = files();
    let reference = offered(&mut own, 40_000);
    own.handle_done(now, failed(reference));
    assert_eq!(own.poll_message(), Some(ClientMessage::WithdrawFile { file: FILE }));
    assert_eq!(own.poll_event().as_ref(), Some(&event));

    let mut others = files();
    let content = taken(&mut others, now, 40_000);
    others.handle_done(now, failed(content));
    assert_eq!(others.poll_message(), Some(ClientMessage::EndFile { file: FILE, received: false }));
    assert_eq!(others.poll_event().as_ref(), Some(&event));
}

#[test]
fn a_server_that_knew_nobody_knows_of_no_file() {
    let now = Instant::now();
    let mut files = files();
    offered(&mut files, 40_000);
    let other = FileOffer { id: FileId(6), ..offer("bob", 1, 10) };
    files.accept(now, &other).unwrap();
    files.handle_snapshot(id("ada"), false, BYTES_MAX);
    let gone: Vec<_> = std::iter::from_fn(|| files.poll_event()).collect();
    assert_eq!(gone, [FILE, FileId(6)].map(|file| Event::FileWithdrawn { file }));
    assert_eq!(files.poll_message(), None);
    assert!(!files.needs_channel());
}
