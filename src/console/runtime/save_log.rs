//! Writes lines of a log to a file that is not there yet: their text as on screen, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::backend::Backend;
use crate::console::model::log::{LogSource, SavedLines};
use crate::domain::log::{LogFrom, LogPage};
use crate::domain::words::counted;
use crate::gate::{LogGate, LogRow};

/// About how many bytes are read at once.
const PAGE: usize = 1024 * 1024;

/// Says what was written and where, or why nothing was.
pub async fn save(
    backend: &impl Backend,
    source: &LogSource,
    lines: SavedLines,
    path: &str,
) -> Result<String, String> {
    let path = whole_path(path)?;
    let not_saved = |why: String| format!("the log is not saved: {}: {why}", path.display());
    let mut options = OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(&path);
    let mut file = created.map_err(|why| not_saved(reason(&why))).map(SavedFile::new)?;
    let written = match lines {
        SavedLines::These(lines) => file.text(&lines.text).map_err(|why| reason(&why)),
        SavedLines::Whole => whole_log(backend, source, &mut file).await,
    };
    let written = written.and_then(|()| file.end().map_err(|why| reason(&why)));
    match written {
        Ok(count) => Ok(format!("saved {} to {}", counted(count, "line"), path.display())),
        Err(why) => {
            let _stays_unfinished = fs::remove_file(&path);
            Err(not_saved(why))
        }
    }
}

/// The path from the root on; `~` is the home folder.
fn whole_path(path: &str) -> Result<PathBuf, String> {
    let from_home = path.strip_prefix("~/").and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    let path = from_home.unwrap_or_else(|| PathBuf::from(path));
    std::path::absolute(&path).map_err(|why| format!("the log is not saved: {why}"))
}

fn reason(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::AlreadyExists => "there is such a file already".into(),
        _ => why.to_string(),
    }
}

async fn whole_log(
    backend: &impl Backend,
    source: &LogSource,
    file: &mut SavedFile,
) -> Result<(), String> {
    let LogSource { service, deployment, step } = source;
    let mut cursor = 0;
    loop {
        let from = LogFrom::After(cursor);
        let page = backend.log(service, *deployment, *step, from, PAGE, Duration::ZERO).await;
        let page = page.map_err(|why| why.to_string())?;
        file.page(&page).map_err(|why| reason(&why))?;
        cursor = page.next;
        if page.bytes.is_empty() || cursor >= page.size {
            return Ok(());
        }
    }
}

struct SavedFile {
    file: BufWriter<File>,
    /// A line that goes on in the next line of the log.
    gate: Option<LogGate>,
    rows: usize,
}

impl SavedFile {
    fn new(file: File) -> Self {
        Self { file: BufWriter::new(file), gate: None, rows: 0 }
    }

    fn page(&mut self, page: &LogPage) -> io::Result<()> {
        for line in page.lines() {
            let mut gate = self.gate.take().unwrap_or_default();
            gate.push(&line.text);
            if line.continues {
                self.gate = Some(gate);
            } else {
                self.rows(&gate.finish())?;
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: &[LogRow]) -> io::Result<()> {
        self.rows += rows.len();
        rows.iter().try_for_each(|row| writeln!(self.file, "{}", row.text))
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.rows += text.lines().count();
        self.file.write_all(text.as_bytes())
    }

    /// Says how many lines it has once they are on disk.
    fn end(mut self) -> io::Result<usize> {
        if let Some(gate) = self.gate.take() {
            self.rows(&gate.finish())?;
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.rows)
    }
}
