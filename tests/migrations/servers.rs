//! Database servers of this machine, started for one test in a folder of their own.

use std::io::Write as _;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use trunkline::migrations::Dialect;
use trunkline_testing::home::until;

/// Who runs a server where the test runs as root, which servers refuse.
const NOBODY: u32 = 65_534;

/// A running server; it ends with the test.
pub struct Server {
    client: PathBuf,
    arguments: Vec<String>,
    child: Child,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on the path, or where Debian puts those of PostgreSQL.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let of_debian = versions.map(|version| version.path().join("bin"));
    let beside = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders = of_debian.chain(std::env::split_paths(&path)).chain(beside);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Starts the server of a dialect; `None`, and said, if it is not on this machine.
pub fn start(dialect: Dialect) -> Option<Server> {
    let (names, packages): ([&str; 3], _) = match dialect {
        Dialect::Postgres => (["initdb", "postgres", "psql"], "postgresql"),
        _ => (["mariadbd", "mariadbd", "mariadb"], "mariadb-server-core mariadb-client-core"),
    };
    let found = names.map(program);
    let [Some(make), Some(serve), Some(client)] = found else {
        let missing: Vec<_> =
            names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(n, _)| n).collect();
        let why = format!("not tried on {}: {missing:?} is not installed", dialect.as_str());
        writeln!(std::io::stderr(), "{why}; run .ci/databases, or install {packages}").unwrap();
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for owned in [folder.path(), data.as_path()] {
        if is_root() {
            chown(owned, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let socket = folder.path().join("s");
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let (arguments, child) = if dialect == Dialect::Postgres {
        let made = command(&make, folder.path())
            .args(["-N", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let child = command(&serve, folder.path())
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", &format!("unix_socket_directories={}", shown(folder.path()))])
            .spawn()
            .unwrap();
        let arguments =
            ["-X", "-q", "-U", "test", "-d", "postgres", "-h", &shown(folder.path()), "-f", "-"];
        (arguments.map(str::to_owned).to_vec(), child)
    } else {
        let child = command(&serve, folder.path())
            .args(["--no-defaults", "--skip-grant-tables", "--skip-networking"])
            // Nothing has to outlive the test, and a file for each table makes each change slow.
            .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"])
            .args(["--innodb-doublewrite=0", "--innodb-file-per-table=0", "--sync-frm=0"])
            .args(["--debug-no-sync", "--innodb-buffer-pool-size=32M"])
            .arg(format!("--datadir={}", shown(&data)))
            .arg(format!("--socket={}", shown(&socket)))
            .spawn()
            .unwrap();
        let arguments = ["--no-defaults", "--force", "--batch", "-S", &shown(&socket)];
        (arguments.map(str::to_owned).to_vec(), child)
    };
    let server = Server { client, arguments, child, _folder: folder };
    until("the server answers", || server.answers());
    Some(server)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs in the folder, as somebody who is not root.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

impl Server {
    fn answers(&self) -> bool {
        self.run("SELECT 1;\n").is_empty()
    }

    /// Runs a script and returns what the client says of errors.
    pub fn run(&self, script: &str) -> String {
        let mut client = Command::new(&self.client)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        let script = script.to_owned();
        // The client may end before it has read everything.
        let writer = std::thread::spawn(move || drop(input.write_all(script.as_bytes())));
        let said = client.wait_with_output().unwrap();
        writer.join().unwrap();
        String::from_utf8_lossy(&said.stderr).into_owned()
    }
}
