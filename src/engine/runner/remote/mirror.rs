//! The log of a run at another engine, mirrored into the log of its step here: whole, once, masked, and read like any other.
//!
//! A mark says how many bytes of the source are in our log. It is written after they are. After a crash the source is read again
//! from the mark, and as many lines are left out as stand behind it in our log: nothing is cut, so no reader's cursor is lost.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::timed::TimedLines;
use crate::domain::log::{LogPage, Stream};
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::reserve::Reserve;
use crate::engine::runner::local::run::RunFolder;
use crate::engine::runner::output::{Block, Lines, LogFile, Mask};
use crate::engine::variables::Secret;

/// The name of the mark in the folder of the run.
const MARK: &str = "mark.json";
/// After so many bytes of a part the mark is written.
const MARKED_EACH: usize = 4 * 1024 * 1024;
/// The most bytes of our log behind a mark that are read after a crash.
const LARGEST_REST: u64 = 64 * 1024 * 1024;

/// How much of the source is in our log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Bytes of the source, or of the part of it that is read.
    source: u64,
    /// The length of our log then.
    log: u64,
    /// The part of the source that is read, where it has parts: the number of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<u64>,
    /// The parts that are whole in our log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    done: Vec<u64>,
    /// The last step of each part that was noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    steps: BTreeMap<u64, u64>,
}

/// The log of one step, as far as it is mirrored.
pub(super) struct LogMirror {
    folder: PathBuf,
    log: LogFile,
    lines: Lines,
    mask: Mask,
    /// What is taken, which may be more than the written mark says.
    mark: Mark,
    /// How many bytes were taken since it was written.
    unmarked: usize,
    /// How many lines are in our log already.
    skip: u64,
    /// Our own notes that stand behind the mark.
    noted: HashSet<Vec<u8>>,
    /// The lines of the part that is read, whose times are split off.
    timed: TimedLines,
}

/// What stands in our log behind the mark.
#[derive(Default)]
struct Behind {
    lines: u64,
    notes: HashSet<Vec<u8>>,
}

impl LogMirror {
    /// Goes on where an engine before this one ended. A log that cannot be kept is no reason to stop a deployment.
    pub fn open(run: &RunFolder, spared: Option<Reserve>, secrets: &[Secret]) -> Self {
        beside(|| Self::opened(run, spared, secrets))
    }

    fn opened(run: &RunFolder, spared: Option<Reserve>, secrets: &[Secret]) -> Self {
        let folder = run.path().to_owned();
        let found = begin(run).and_then(|()| resumed(&folder, &run.log()));
        let (resumed, behind) = found.unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %folder.display(), "the log of a run cannot be continued");
            (Mark::default(), Behind::default())
        });
        let (log, mask) = (LogFile::resume(&run.log(), spared), Mask::new(secrets));
        let mut mirror = Self {
            folder,
            log,
            lines: Lines::new(Stream::Out),
            mask,
            mark: resumed,
            unmarked: 0,
            skip: behind.lines,
            noted: behind.notes,
            timed: TimedLines::default(),
        };
        if mirror.log.size() == 0 {
            for note in mirror.mask.notes().to_vec() {
                mirror.note(&note);
            }
        }
        mirror
    }

    /// The byte of the source that comes next.
    pub fn next(&self) -> u64 {
        self.mark.source
    }

    /// The part that is read: one that was begun is read to its end before another.
    pub fn part(&self) -> Option<u64> {
        self.mark.part
    }

    pub fn is_done(&self, part: u64) -> bool {
        self.mark.done.contains(&part)
    }

    /// A text without the secrets that are masked in the log.
    pub fn hidden(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.mask.hide(text.as_bytes())).into_owned()
    }

    /// Writes a line of our own.
    pub fn note(&mut self, text: &str) {
        beside(|| self.log.note(now(), text));
    }

    /// Takes what came next.
    pub fn take(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.take_to(bytes, self.mark.source + bytes.len() as u64);
    }

    /// The same where the source, or its part, does not count in the bytes that are taken: it goes on at `next`.
    pub fn take_to(&mut self, bytes: &[u8], next: u64) {
        let block = self.lines.push(now(), bytes, &self.mask, self.log.wants());
        self.mark.source = next;
        self.write(block);
        // While lines are left out, our log has more of the source than was taken.
        if self.lines.are_empty() && self.skip == 0 {
            self.mark();
        }
    }

    /// Notes that a step of a part has begun, once. Between parts only.
    pub fn step(&mut self, part: u64, number: u64, text: &str) {
        let is_new = self.mark.steps.get(&part).is_none_or(|noted| *noted < number);
        if is_new && self.mark.part.is_none() {
            self.note_once(text);
            self.mark.steps.insert(part, number);
            self.mark();
        }
    }

    /// Begins a part, or goes on with it.
    pub fn begin(&mut self, part: u64, title: &str) {
        if self.mark.part == Some(part) {
            return;
        }
        self.note_once(title);
        (self.mark.part, self.mark.source) = (Some(part), 0);
        self.mark();
    }

    /// Takes what came next of the part. Its lines begin with their times.
    pub fn take_timed(&mut self, bytes: &[u8]) {
        let Self { timed, lines, mask, log, .. } = self;
        let mut block = Block::default();
        timed.push(bytes, |at, text| {
            block.append(lines.push(at.unwrap_or_else(now), text, mask, log.wants()));
        });
        self.mark.source += bytes.len() as u64;
        self.unmarked += bytes.len();
        self.write(block);
        let is_whole = self.lines.are_empty() && self.timed.is_between() && self.skip == 0;
        if self.unmarked >= MARKED_EACH && is_whole {
            self.mark();
        }
    }

    /// The part is whole.
    pub fn end(&mut self, part: u64) {
        let Self { timed, lines, mask, log, .. } = self;
        let mut block = Block::default();
        timed.finish(|at, text| {
            block.append(lines.push(at.unwrap_or_else(now), text, mask, log.wants()));
        });
        block.append(lines.finish(now(), mask));
        self.write(block);
        (self.skip, self.mark.part, self.mark.source) = (0, None, 0);
        self.mark.done.push(part);
        self.mark();
    }

    /// Writes a line of our own, unless it stands behind the mark.
    pub fn note_once(&mut self, text: &str) {
        let text = self.mask.hide(text.as_bytes());
        if !self.noted.contains(&text) {
            self.note(&String::from_utf8_lossy(&text));
        }
    }

    /// Writes what is left: nothing more comes.
    pub fn finish(&mut self) {
        let block = self.lines.finish(now(), &self.mask);
        self.write(block);
        beside(|| self.log.finish(now()));
        self.mark();
    }

    fn write(&mut self, mut block: Block) {
        let known = self.skip.min(block.lines);
        block.skip(known);
        self.skip -= known;
        beside(|| self.log.block(now(), block));
    }

    /// Everything that was taken is in our log: says so durably, after that is on the disk.
    fn mark(&mut self) {
        beside(|| self.marked());
    }

    fn marked(&mut self) {
        self.log.sync();
        (self.mark.log, self.unmarked) = (self.log.size(), 0);
        self.noted.clear();
        if let Err(error) = write(&self.folder, &self.mark) {
            tracing::warn!(%error, folder = %self.folder.display(), "how much of a log is here is not written");
        }
    }
}

/// Works on the disk, which may hang, while the thread's other work goes on elsewhere.
fn beside<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // There is no other thread.
        _ => work(),
    }
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

fn begin(run: &RunFolder) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(run.path())
}

/// The mark, and what stands behind it in our log. A line whose end was not written is removed: no
/// reader has seen it.
fn resumed(folder: &Path, log: &Path) -> io::Result<(Mark, Behind)> {
    let mark: Mark = match fs::read(folder.join(MARK)) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Mark::default(),
        Err(error) => return Err(error),
    };
    let mut file = match OpenOptions::new().read(true).write(true).open(log) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            return Ok((Mark::default(), Behind::default()));
        }
        opened => opened?,
    };
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(mark.log))?;
    let mut rest = Vec::new();
    (&file).take(LARGEST_REST).read_to_end(&mut rest)?;
    let whole = memchr::memrchr(b'\n', &rest).map_or(0, |at| at + 1);
    if whole < rest.len() && mark.log + rest.len() as u64 == size {
        file.set_len(mark.log + whole as u64)?;
        rest.truncate(whole);
    }
    let page = LogPage { bytes: rest, ..LogPage::default() };
    let mut behind = Behind::default();
    for line in page.lines() {
        if line.stream == Stream::Note {
            behind.notes.insert(line.text);
        } else {
            behind.lines += 1;
        }
    }
    Ok((mark, behind))
}

fn write(folder: &Path, mark: &Mark) -> io::Result<()> {
    let new = folder.join(format!(".{MARK}"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(mark)?)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(MARK))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A log with a secret, a long line, a progress bar and no line end at its end.
    fn source() -> Vec<u8> {
        let mut text = Vec::new();
        for number in 0..40 {
            text.extend(format!("line {number}\n").bytes());
        }
        text.extend(b"the token is hunter2-hunter2\n10%\r20%\r30%\n\n");
        text.extend(vec![b'x'; 40_000]);
        text.extend(b"\nend of it");
        text
    }

    fn open(run: &RunFolder) -> LogMirror {
        let value = "hunter2-hunter2".to_owned();
        LogMirror::open(run, None, &[Secret { name: "TOKEN".into(), value, own: false }])
    }

    fn texts(run: &RunFolder) -> Vec<String> {
        let page = LogPage { bytes: fs::read(run.log()).unwrap(), ..LogPage::default() };
        let lines = page.lines().filter(|line| line.stream != Stream::Note);
        lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
    }

    /// What a crash leaves: the mark of an earlier moment, and perhaps a line whose end was not written.
    #[derive(Debug, Clone)]
    struct Crash {
        after: usize,
        forgets_marks: usize,
        is_torn: bool,
    }

    fn crash() -> impl Strategy<Value = Crash> {
        (1_usize..12_000, 0_usize..3, any::<bool>())
            .prop_map(|(after, forgets_marks, is_torn)| Crash { after, forgets_marks, is_torn })
    }

    /// What the jobs print, with a time before each line.
    fn jobs() -> Vec<(u64, Vec<u8>)> {
        let text = |job: u64| {
            let lines = String::from_utf8(source()).unwrap();
            let timed = |line: &str| format!("2026-11-27T05:00:00.1234567Z {job} {line}\n");
            format!("\u{feff}{}", lines.split('\n').map(timed).collect::<String>()).into_bytes()
        };
        [7, 3, 5].map(|job| (job, text(job))).to_vec()
    }

    /// Reads the jobs that are not whole, in pieces, until so many bytes were read. The marks after each piece.
    fn read(run: &RunFolder, piece: usize, most: usize) -> Vec<Option<Vec<u8>>> {
        let (mut mirror, mut left) = (open(run), most);
        let mark = || fs::read(run.path().join(MARK)).ok();
        let mut marks = vec![mark()];
        let mut jobs: Vec<_> =
            jobs().into_iter().filter(|(job, _)| !mirror.is_done(*job)).collect();
        jobs.sort_by_key(|(job, _)| mirror.part() != Some(*job));
        for (job, text) in jobs {
            mirror.step(job, 1, &format!("{job} began"));
            mirror.begin(job, &format!("the log of {job}"));
            let from = usize::try_from(mirror.next()).unwrap();
            for piece in text[from..].chunks(piece) {
                if left < piece.len() {
                    return marks;
                }
                left -= piece.len();
                mirror.take_timed(piece);
                marks.push(mark());
            }
            mirror.end(job);
        }
        mirror.finish();
        marks
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn the_log_of_a_remote_run_is_whole_and_once_after_any_crash(
            crashes in prop::collection::vec(crash(), 0..6),
            piece in 1_usize..5_000,
        ) {
            let (folder, source) = (tempfile::tempdir().unwrap(), source());
            let whole = RunFolder::at(&folder.path().join("whole"));
            let mut mirror = open(&whole);
            mirror.take(&source);
            mirror.finish();
            let run = RunFolder::at(&folder.path().join("run"));
            let mark = run.path().join(MARK);
            for crash in &crashes {
                let mut mirror = open(&run);
                let mut marks = vec![fs::read(&mark).ok()];
                let from = usize::try_from(mirror.next()).unwrap();
                let until = (from + crash.after).min(source.len());
                for piece in source[from..until].chunks(piece) {
                    mirror.take(piece);
                    marks.push(fs::read(&mark).ok());
                }
                drop(mirror);
                match &marks[marks.len().saturating_sub(1 + crash.forgets_marks)] {
                    Some(earlier) => fs::write(&mark, earlier).unwrap(),
                    None => _ = fs::remove_file(&mark),
                }
                if crash.is_torn {
                    let mut log = OpenOptions::new().append(true).open(run.log()).unwrap();
                    log.write_all(b"2026-11-30T10:00:00.000Z o half a li").unwrap();
                }
            }
            let mut mirror = open(&run);
            let rest = usize::try_from(mirror.next()).unwrap();
            source[rest..].chunks(piece).for_each(|piece| mirror.take(piece));
            mirror.finish();
            let (found, expected) = (texts(&run), texts(&whole));
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn the_logs_of_several_jobs_are_whole_and_once_after_any_crash(
            crashes in prop::collection::vec((1_usize..150_000, any::<bool>()), 0..6),
            piece in 1_000_usize..9_000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let whole = RunFolder::at(&folder.path().join("whole"));
            read(&whole, piece, usize::MAX);
            let run = RunFolder::at(&folder.path().join("run"));
            for (after, is_torn) in &crashes {
                read(&run, piece, *after);
                if *is_torn {
                    let mut log = OpenOptions::new().append(true).open(run.log()).unwrap();
                    log.write_all(b"2026-11-30T10:00:00.000Z o half a li").unwrap();
                }
            }
            read(&run, piece, usize::MAX);
            let all = fs::read_to_string(run.log()).unwrap();
            let titles = all.matches("the log of 7").count();
            let (found, expected) = (texts(&run), texts(&whole));
            prop_assert_eq!((found.len(), titles), (expected.len(), 1));
            prop_assert_eq!(found, expected);
        }
    }
}
