//! Where themes are: the files of the user, then those that come with the program.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file;
use super::looks::ThemeLooks;
use super::shipped::{SHIPPED, ShippedTheme, about};
use crate::config::appearance::ThemeName;
use crate::settings::{did_you_mean, text};

/// The most bytes of a theme file.
const LARGEST: u64 = 64 * 1024;
/// The most themes that inherit each other in a row.
const DEEPEST: usize = 8;

/// The folder of the user's themes, if there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThemeLibrary {
    folder: Option<PathBuf>,
}

/// A theme that was read, with all that it inherits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedTheme {
    pub name: ThemeName,
    pub looks: ThemeLooks,
    /// The files that say how it looks, as they were found.
    pub files: Vec<SeenFile>,
}

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ThemeFailure {
    /// All mistakes, with file and line.
    pub sentence: String,
    /// The files to look at for a correction, as they were found.
    pub files: Vec<SeenFile>,
}

impl ThemeFailure {
    /// All mistakes in one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        self.sentence.replace('\n', "; ")
    }
}

/// A file, or the place where none is, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    pub path: PathBuf,
    stamp: Option<(SystemTime, u64)>,
}

impl SeenFile {
    fn at(path: PathBuf) -> Self {
        let about = fs::metadata(&path).ok();
        let stamp = about.and_then(|about| Some((about.modified().ok()?, about.len())));
        Self { path, stamp }
    }

    /// Whether it is not as it was found.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        Self::at(self.path.clone()) != *self
    }
}

/// A theme as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeOffer {
    pub name: ThemeName,
    /// What its file says of it first.
    pub about: String,
    /// The user's own file, if it is one.
    pub path: Option<PathBuf>,
    pub loaded: Result<LoadedTheme, ThemeFailure>,
}

/// The text of a theme, and where it is from.
struct ThemeText {
    text: String,
    path: Option<PathBuf>,
}

impl ThemeLibrary {
    /// With the themes in `folder` before those that come with the program.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// Where the user's themes are.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Reads a theme and those that it inherits.
    ///
    /// # Errors
    /// If there is none of this name, or with every mistake in its file.
    pub fn load(&self, name: &ThemeName) -> Result<LoadedTheme, ThemeFailure> {
        let mut files = Vec::new();
        match self.read(name, &mut Vec::new(), &mut files) {
            Ok(looks) => Ok(LoadedTheme { name: name.clone(), looks, files }),
            Err(sentence) => Err(ThemeFailure { sentence, files }),
        }
    }

    /// Reads the theme in a file anywhere. What it inherits is looked for as ever.
    ///
    /// # Errors
    /// If it cannot be read, or with every mistake in it.
    pub fn load_file(&self, path: &Path) -> Result<ThemeLooks, String> {
        let shown = path.display().to_string();
        let text = read_text(path).map_err(|why| format!("{shown}: {why}"))?;
        let mut before = Vec::new();
        let parent = |name: &ThemeName| self.read(name, &mut before, &mut Vec::new());
        file::parse(&text, &shown, parent).map_err(|why| why.to_string())
    }

    /// The text of a theme.
    ///
    /// # Errors
    /// If there is none of this name, or its file cannot be read.
    pub fn text(&self, name: &ThemeName) -> Result<String, String> {
        self.find(name, false, &mut Vec::new()).map(|found| found.text)
    }

    /// All themes: the user's own by name, then those that come with the program and that no file of the user replaces.
    #[must_use]
    pub fn offers(&self) -> Vec<ThemeOffer> {
        let own = self.own_names();
        let shipped = SHIPPED.iter().filter_map(|theme| theme.name.parse().ok());
        let shipped: Vec<ThemeName> = shipped.filter(|name| !own.contains(name)).collect();
        shipped.into_iter().chain(own).map(|name| self.offer(name)).collect()
    }

    fn offer(&self, name: ThemeName) -> ThemeOffer {
        let text = self.find(&name, false, &mut Vec::new()).ok();
        let path = text.as_ref().and_then(|found| found.path.clone());
        let about = text.map_or(String::new(), |found| about(&found.text).to_owned());
        ThemeOffer { about, path, loaded: self.load(&name), name }
    }

    /// The names of the user's files, sorted. What has no name of a theme is none.
    fn own_names(&self) -> Vec<ThemeName> {
        let entries = self.folder.iter().filter_map(|folder| fs::read_dir(folder).ok());
        let name = |entry: io::Result<fs::DirEntry>| {
            let file = entry.ok()?.file_name();
            file.to_str()?.strip_suffix(".toml")?.parse().ok()
        };
        let mut names: Vec<_> = entries.flatten().filter_map(name).collect();
        names.sort();
        names
    }

    /// `before` has those that inherit this one, and whether each is a file of the user.
    fn read(
        &self,
        name: &ThemeName,
        before: &mut Vec<(ThemeName, bool)>,
        files: &mut Vec<SeenFile>,
    ) -> Result<ThemeLooks, String> {
        // A file of the user may change the shipped theme of its own name.
        let shipped_only = before.last() == Some(&(name.clone(), true));
        let found = self.find(name, shipped_only, files)?;
        let this = (name.clone(), found.path.is_some());
        if before.contains(&this) || before.len() == DEEPEST {
            return Err(format!("the theme \"{name}\" inherits itself"));
        }
        before.push(this);
        let shown = match found.path {
            Some(_) => shown(name),
            None => format!("the shipped theme {name}"),
        };
        let parent = |name: &ThemeName| self.read(name, before, files);
        file::parse(&found.text, &shown, parent).map_err(|why| why.in_one_line())
    }

    fn find(
        &self,
        name: &ThemeName,
        shipped_only: bool,
        files: &mut Vec<SeenFile>,
    ) -> Result<ThemeText, String> {
        let folder = self.folder.as_ref().filter(|_| !shipped_only);
        if let Some(path) = folder.map(|folder| folder.join(format!("{name}.toml"))) {
            files.push(SeenFile::at(path.clone()));
            match read_text(&path) {
                Ok(text) => return Ok(ThemeText { text, path: Some(path) }),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(format!("{}: {why}", shown(name))),
            }
        }
        match ShippedTheme::named(name) {
            Some(theme) => Ok(ThemeText { text: theme.text.to_owned(), path: None }),
            None => Err(self.no_such(name)),
        }
    }

    fn no_such(&self, name: &ThemeName) -> String {
        let own = self.own_names();
        let shipped = SHIPPED.iter().map(|theme| theme.name);
        let known: Vec<_> = shipped.chain(own.iter().map(ThemeName::as_str)).collect();
        let advice = did_you_mean(name.as_str(), &known)
            .unwrap_or_else(|| "; `trunkline themes list` has all".to_owned());
        format!("there is no theme \"{name}\"{advice}")
    }
}

/// What mistakes call a file of the user: short enough to leave room for what is wrong.
fn shown(name: &ThemeName) -> String {
    format!("themes/{name}.toml")
}

/// The text of a file that is a file, and not too large.
fn read_text(path: &Path) -> io::Result<String> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("is larger than 64 KiB"));
    }
    text(bytes, "").map_err(|_| io::Error::other("is not UTF-8; save the file as UTF-8"))
}

#[cfg(test)]
mod tests;
