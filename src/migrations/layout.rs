//! Recognises which paths are migrations, their tool, and whether they are up or down.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Dialect;
use super::glob::Glob;

/// The tool that runs a migration.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// The service file names its paths.
    Configured,
    Sqlx,
    Refinery,
    Diesel,
    GolangMigrate,
    Goose,
    Flyway,
    Rails,
    Django,
    Alembic,
    Prisma,
    Dbmate,
    /// The path looks like a migration, but of no known tool.
    Other,
}

impl Tool {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Sqlx => "sqlx",
            Self::Refinery => "refinery",
            Self::Diesel => "diesel",
            Self::GolangMigrate => "golang-migrate",
            Self::Goose => "goose",
            Self::Flyway => "flyway",
            Self::Rails => "rails",
            Self::Django => "django",
            Self::Alembic => "alembic",
            Self::Prisma => "prisma",
            Self::Dbmate => "dbmate",
            Self::Other => "other",
        }
    }
}

/// Up or down. A file with both counts as up, and its down part is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationDirection {
    Up,
    Down,
}

/// The tool and direction of a migration, from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MigrationPath {
    pub tool: Tool,
    pub direction: MigrationDirection,
}

/// Decides which paths are migrations.
#[derive(Debug, Clone, Default)]
pub struct Layouts {
    globs: Vec<Glob>,
    /// The globs that match no path of the repository.
    idle: Vec<Glob>,
    /// The languages and tools whose well-known files are in the repository.
    seen: BTreeSet<Evidence>,
    /// The SQL files of the repository.
    files: BTreeSet<String>,
    /// The databases whose names stand in paths of migrations.
    dialects: BTreeSet<Dialect>,
    /// True if a migration is recognised in the repository.
    any: bool,
}

/// A language or tool, detected by a well-known file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    Rust,
    Go,
    Flyway,
    Alembic,
    Sqitch,
}

/// The path patterns of the tools, the more specific ones first. The group `down` matches in a down migration.
static SHAPES: LazyLock<Vec<(Tool, Regex)>> = LazyLock::new(|| {
    let shapes = [
        (Tool::Prisma, r"(?:^|/)migrations/[^/]+/migration\.sql$"),
        (Tool::Diesel, r"(?:^|/)\d[\d-]*_[^/]+/(?:up|(?P<down>down))\.sql$"),
        (Tool::Rails, r"(?:^|/)db/(?:\w+_)?migrate/(?:.*/)?\d+_[^/]+\.rb$"),
        (Tool::Django, r"(?:^|/)migrations/\d{4,}_\w+\.py$"),
        (Tool::Alembic, r"(?:^|/)(?:alembic|migrations)/versions/(?:.*/)?\w+\.py$"),
        (Tool::Flyway, r"(?:^|/)(?:V\d[\d._]*|(?P<down>U\d[\d._]*)|R)__[^/]+\.(?:sql|java|kt)$"),
        (Tool::Refinery, r"(?:^|/)[UV]\d+(?:\.\d+)?__\w+\.(?:sql|rs)$"),
        (Tool::GolangMigrate, r"(?:^|/)\d+_[^/]*\.(?:up|(?P<down>down))\.[^/.]+$"),
        (Tool::Dbmate, r"(?:^|/)db/migrations/\d{14}_[^/]+\.sql$"),
        (Tool::Goose, r"(?:^|/)migrations?/\d+_[^/]+\.go$"),
        (Tool::Sqlx, r"(?:^|/)migrations?/\d+_[^/]+\.sql$"),
        (Tool::Goose, r"(?:^|/)sql/schemas?/\d+_[^/]+\.sql$"),
        // Drizzle, Play and MyBatis.
        (Tool::Other, r"(?:^|/)drizzle/(?:.*/)?\d+_[^/]+(?:/migration)?\.sql$"),
        (Tool::Other, r"(?:^|/)evolutions/(?:[^/]+/)?\d+\.sql$"),
        (Tool::Other, r"(?:^|/)scripts/\d{14}_[^/]+\.sql$"),
        // Any SQL below a folder of migrations, and numbered code there.
        (
            Tool::Other,
            r"(?is)migrat(?:e|ions?)/(?:.*[/.])?(?P<down>down|undo|rollback|revert)\.sql$",
        ),
        (Tool::Other, r"(?is)migrat(?:e|ions?)/.*\.sql$"),
        (
            Tool::Other,
            r"(?is)migrat(?:e|ions?)/(?:.*/)?(?:m|version|migration)?\d[^/]+\.(?:[cm]?[jt]s|php|exs?|cs|py|rb|kt|java|go|rs)$",
        ),
    ];
    let compiled =
        shapes.map(|(tool, shape)| (tool, Regex::new(shape).expect("the shape is valid")));
    compiled.into()
});

/// Endings of files in migration folders that are not migrations.
const BESIDE: [&str; 7] =
    ["__init__.py", "_test.go", ".d.ts", ".test.ts", ".spec.ts", "_test.exs", ".Designer.cs"];

impl Layouts {
    /// Layouts with the globs of the service file. Without globs, the path patterns of the tools decide.
    #[must_use]
    pub fn new(globs: Vec<Glob>) -> Self {
        Self { globs, ..Self::default() }
    }

    /// Adds the paths of the repository, to detect tools and globs that match nothing.
    #[must_use]
    pub fn seeing<'p>(mut self, paths: impl IntoIterator<Item = &'p str>) -> Self {
        self.idle.clone_from(&self.globs);
        let paths: Vec<&str> = paths.into_iter().collect();
        for path in &paths {
            self.idle.retain(|glob| !glob.matches(path));
            if ends_in(path, "sql") {
                self.files.insert((*path).to_owned());
            }
            match path.rsplit('/').next().unwrap_or(path) {
                "Cargo.toml" => self.seen.insert(Evidence::Rust),
                "flyway.toml" | "flyway.conf" | "pom.xml" | "build.gradle" | "build.gradle.kts" => {
                    self.seen.insert(Evidence::Flyway)
                }
                "alembic.ini" | "script.py.mako" => self.seen.insert(Evidence::Alembic),
                "go.mod" => self.seen.insert(Evidence::Go),
                "sqitch.plan" => self.seen.insert(Evidence::Sqitch),
                _ => false,
            };
        }
        for path in paths {
            if self.by_path(path).is_none() {
                continue;
            }
            self.any = true;
            self.dialects.extend(dialect_in(path).and_then(Result::ok));
        }
        self
    }

    /// The database that a path is for, where the paths of the repository name several.
    #[must_use]
    pub fn dialect_of(&self, path: &str) -> Option<Dialect> {
        let named = dialect_in(path)?.ok()?;
        (self.dialects.len() > 1).then_some(named)
    }

    /// True if a path is for another database than this one, for which the repository has migrations.
    #[must_use]
    pub fn is_foreign(&self, path: &str, dialect: Dialect) -> bool {
        let named = dialect_in(path);
        self.dialects.contains(&dialect) && named.is_some_and(|named| named != Ok(dialect))
    }

    /// True if a file that is not recognised looks like a migration: numbered SQL, where the repository has no other.
    #[must_use]
    pub fn looks_like_migration(&self, path: &str) -> bool {
        static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?i)(?:^|/)(?:[a-z]{0,8}\d+[^/]*|(?:.*/)?(?:schema|changes?|changelogs?|ddl|upgrades?|updates?|deploy)/[^/]+)\.sql$")
                .expect("the pattern is valid")
        });
        !self.any && self.globs.is_empty() && NUMBERED.is_match(path)
    }

    /// The tool and direction of a path; `None` if it is not a migration.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<MigrationPath> {
        let shaped = self.by_shape(path);
        if self.globs.is_empty() {
            return shaped;
        }
        let named = self.globs.iter().any(|glob| glob.matches(path));
        let direction = shaped.map_or(MigrationDirection::Up, |place| place.direction);
        named.then_some(MigrationPath { tool: Tool::Configured, direction })
    }

    /// The first glob of the service file that matches no file: such a mistake would hide migrations.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let glob = self.idle.first()?;
        Some(format!("{:?} in paths under [migrations] matches no file", glob.pattern()))
    }

    fn has(&self, evidence: Evidence) -> bool {
        self.seen.contains(&evidence)
    }

    fn by_shape(&self, path: &str) -> Option<MigrationPath> {
        let mut place = self.by_path(path)?;
        if self.has_way_up(path) {
            place.direction = MigrationDirection::Down;
        }
        Some(place)
    }

    /// True if the name of a file or folder says that it goes down, and the file that goes up is beside it.
    fn has_way_up(&self, path: &str) -> bool {
        let ways = |up: &'static str| DOWN.iter().map(move |down| (*down, up));
        let in_folder = ways("up").chain(ways("")).map(|(down, up)| {
            let up = if up.is_empty() { "/".to_owned() } else { format!("/{up}/") };
            format!("/{path}").replacen(&format!("/{down}/"), &up, 1)
        });
        let in_name =
            ["up", "do", "apply", ""].into_iter().flat_map(ways).flat_map(|(down, up)| {
                ["-", "_", "."].map(|sign| {
                    let up = if up.is_empty() { String::new() } else { format!("{sign}{up}") };
                    format!("/{path}").replacen(&format!("{sign}{down}."), &format!("{up}."), 1)
                })
            });
        in_folder.chain(in_name).any(|up| up[1..] != *path && self.files.contains(&up[1..]))
    }

    fn by_path(&self, path: &str) -> Option<MigrationPath> {
        if BESIDE.iter().any(|ending| path.ends_with(ending)) {
            return None;
        }
        if self.has(Evidence::Sqitch) && ends_in(path, "sql") {
            let within = |folder: &str| format!("/{path}").contains(&format!("/{folder}/"));
            let direction = if within("deploy") {
                MigrationDirection::Up
            } else if within("revert") || within("verify") {
                MigrationDirection::Down
            } else {
                return None;
            };
            return Some(MigrationPath { tool: Tool::Other, direction });
        }
        if self.has(Evidence::Alembic) && path.contains("versions/") && ends_in(path, "py") {
            return Some(MigrationPath { tool: Tool::Alembic, direction: MigrationDirection::Up });
        }
        let mut fitting = SHAPES.iter().filter_map(|(tool, shape)| {
            let captures = shape.captures(path)?;
            let down = captures.name("down").is_some();
            Some(MigrationPath {
                tool: *tool,
                direction: if down { MigrationDirection::Down } else { MigrationDirection::Up },
            })
        });
        let mut place = fitting.next()?;
        // Refinery also uses V and U, and its U is an up migration. U is a down migration only with Flyway.
        let flyway = self.has(Evidence::Flyway) || path.contains("db/migration/");
        let jvm = ["java", "kt"].iter().any(|ending| ends_in(path, ending));
        if place.tool == Tool::Flyway && !flyway && !jvm && !is_repeatable(path) {
            place = MigrationPath { tool: Tool::Refinery, direction: MigrationDirection::Up };
        }
        // Many tools number their files so; only sqlx is in a Rust repository.
        if place.tool == Tool::Sqlx && !self.has(Evidence::Rust) {
            place.tool = Tool::Other;
        }
        if place.tool == Tool::GolangMigrate
            && self.has(Evidence::Rust)
            && !self.has(Evidence::Go)
            && ends_in(path, "sql")
        {
            place.tool = Tool::Sqlx;
        }
        Some(place)
    }
}

/// Words for the way down.
const DOWN: [&str; 4] = ["down", "undo", "rollback", "revert"];

/// The database that a path names: one of ours, or another one.
fn dialect_in(path: &str) -> Option<Result<Dialect, ()>> {
    const NAMES: [(&str, Result<Dialect, ()>); 13] = [
        ("postgres", Ok(Dialect::Postgres)),
        ("postgresql", Ok(Dialect::Postgres)),
        ("mysql", Ok(Dialect::Mysql)),
        ("mariadb", Ok(Dialect::Mysql)),
        ("sqlite", Ok(Dialect::Sqlite)),
        ("sqlite3", Ok(Dialect::Sqlite)),
        ("cockroach", Err(())),
        ("cockroachdb", Err(())),
        ("h2", Err(())),
        ("oracle", Err(())),
        ("mssql", Err(())),
        ("sqlserver", Err(())),
        ("clickhouse", Err(())),
    ];
    let mut parts = path.split(['/', '.', '-', '_']).map(str::to_lowercase);
    parts.find_map(|part| NAMES.iter().find(|(name, _)| *name == part).map(|(_, named)| *named))
}

fn ends_in(path: &str, ending: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == ending)
}

/// True if the tool runs the file again after each change, so that it may be edited.
#[must_use]
pub fn is_repeatable(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.starts_with("R__") && ends_in(file, "sql")
}

/// True if a file is code, not SQL.
#[must_use]
pub fn is_code(path: &str) -> bool {
    let (_, ending) = path.rsplit_once('.').unwrap_or_default();
    let code = [
        "rs", "rb", "py", "ts", "mts", "cts", "js", "mjs", "cjs", "go", "java", "kt", "php", "ex",
        "exs", "cs",
    ];
    code.contains(&ending)
}

/// The order in which migrations run: by the version that their folder is named after, by the numbers in their names, then
/// by name.
#[must_use]
pub fn order(path: &str) -> (Vec<u128>, &str) {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    let named = ["up.sql", "down.sql", "migration.sql"].contains(&file);
    let name = if named { folder } else { file };
    let leading = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_digit() || "._-".contains(*c)).collect()
    };
    // Diesel reads a date with and without dashes as the same version.
    let is_date = |date: &&str| date.split('-').map(str::len).eq([4, 2, 2, 6]);
    let digits = leading(name.trim_start_matches(['V', 'U']));
    let digits = match digits.get(..DATE).filter(is_date) {
        Some(date) => format!("{}{}", date.replace('-', ""), &digits[DATE..]),
        None => digits,
    };
    let is_version = !named && folder.contains('.') && leading(folder) == folder;
    let version = if is_version && !file.starts_with(['V', 'U']) { folder } else { "" };
    let parts = version.split('.').chain(digits.split(|c: char| !c.is_ascii_digit()));
    let numbers = parts.filter(|part| !part.is_empty());
    (numbers.map(|part| part.parse().unwrap_or(u128::MAX)).collect(), path)
}

/// The length of a date with dashes, as in `2024-01-31-235959`.
const DATE: usize = 17;
