//! Hostile values and repositories through real git and real steps: they arrive as they are, and nothing runs by them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use trunkline::domain::command::Action;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::Outcome;
use trunkline::domain::snapshot::BuildRow;

use super::shop::entries;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::write_script;

/// Writes its arguments and its environment to the folder of the deployed service's checkouts' parent.
const PRINTER: &str =
    "#!/bin/sh\nprintf '%s\\0' \"$@\" > OUT/argv\nenv -0 > OUT/env\nls -A > OUT/tree\n";

fn quoted(texts: &[String]) -> String {
    toml::Value::Array(texts.iter().cloned().map(toml::Value::String).collect()).to_string()
}

/// A service file whose smoke step in staging gets these arguments.
fn printing(arguments: &[String]) -> String {
    let argv = [&["./printer".to_owned()], arguments].concat();
    QUICK.replace("run = [\"true\"]", &format!("run = {}", quoted(&argv)))
}

fn world_that_prints(arguments: &[String]) -> World {
    let world = World::with_file(&printing(arguments));
    let out = world.folder().to_str().unwrap();
    world.repository.write_script("printer", &PRINTER.replace("OUT", out));
    world.repository.commit_all("Ann", "ann@example.com", "print");
    world
}

fn printed(world: &World, name: &str) -> Vec<String> {
    let bytes = fs::read(world.folder().join(name)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

fn is_verified(row: &BuildRow) -> bool {
    !row.build.verifications.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_reaches_a_step_byte_for_byte_and_runs_nothing() {
    let texts = entries().filter_map(|entry| String::from_utf8(entry.bytes()).ok());
    let texts: Vec<String> = texts.filter(|text| !text.contains('\0')).collect();
    assert!(texts.len() > 120, "{}", texts.len());
    let mut world = world_that_prints(&texts);
    world.start().await;
    world.until_build("the printer ran", is_verified).await;
    assert_eq!(printed(&world, "argv"), texts);
    let tree = fs::read_to_string(world.folder().join("tree")).unwrap();
    assert_eq!(tree, ".git\nprinter\nrelease\ntrunkline.toml\n", "somebody made a file");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_a_message_and_a_file_name_are_text_to_git_and_to_steps() {
    let mut world = world_that_prints(&[]);
    let canary = world.folder().join("canary");
    let touch = format!("touch${{IFS}}{}", canary.display());
    let hostile = format!("$({touch}) `{touch}` ;{touch}; --upload-pack={touch}");
    world.repository.write(&hostile.replace('/', ":"), "x");
    world.repository.commit_all(&hostile, "-rf", &hostile);
    world.start().await;
    let row = world.until_build("it is verified", is_verified).await;
    assert_eq!(row.build.subject(), hostile);
    assert_eq!(row.build.commits[0].author.name, hostile);
    assert!(!canary.exists());
    let environment = printed(&world, "env");
    let ours: Vec<_> = environment.iter().filter(|v| v.starts_with("TRUNKLINE_")).collect();
    assert!(ours.iter().all(|variable| !variable.contains("touch")), "{ours:?}");
    world.stop().await;
}

/// A world whose default branch is called like this, with a decoy in every place that a short name could mean.
fn world_on_trunk(name: &str) -> World {
    let world = world_that_prints(&[]);
    let git = |arguments: &[&str]| world.repository.git(arguments);
    let tip = world.repository.head();
    world.repository.commit("a decoy");
    let decoy = world.repository.head();
    let full = format!("refs/heads/{name}");
    git(&["update-ref", &full, tip.as_str()]);
    for other in [
        format!("refs/tags/{name}"),
        format!("refs/heads/heads/{name}"),
        format!("refs/heads/{full}"),
        format!("refs/remotes/{name}"),
    ] {
        git(&["update-ref", &other, decoy.as_str()]);
    }
    git(&["symbolic-ref", "HEAD", &full]);
    git(&["update-ref", "-d", "refs/heads/main"]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trunk_is_the_branch_of_that_full_name_whatever_it_is_called() {
    let names = [
        "$(id)",
        "`id`",
        "-rf",
        "--upload-pack=id",
        "HEAD",
        "@",
        "a|id;id",
        "x\u{202E}y",
        "0123456789012345678901234567890123456789",
    ];
    for name in names {
        let file = printing(&[]).replace("trunk = \"main\"\n", "");
        let mut world = world_on_trunk(name);
        world.repository.git(["reset", "--quiet", "--hard"]);
        world.repository.write("trunkline.toml", &file);
        let tip = world.repository.commit_all("Ann", "ann@example.com", "on the trunk");
        world.start().await;
        let row = world.until_build("the trunk is deployed", is_verified).await;
        assert_eq!(row.build.sha, tip, "{name:?}");
        let environment = printed(&world, "env");
        assert!(environment.contains(&format!("TRUNKLINE_SHA={tip}")), "{name:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_moves_after_the_plan_ships_what_was_planned() {
    let mut world = World::open(QUICK).await;
    let planned = world.verified("planned").await;
    let plan = world.plan("raj", Action::Promote { build: planned }).await.unwrap();
    let sha = plan.target.sha.clone();
    let newer = world.merged("Eve", "eve@example.com", "moved").await;
    let id = world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    let deployment = world.ended(id).await;
    assert_eq!((deployment.request.build, &deployment.request.sha), (planned, &sha));
    assert_eq!(world.ran(), [format!("ran {} promote", planned.0)], "and not {newer}");
    world.stop().await;
}

/// A program that leaves a trace when anybody runs it.
fn trap(folder: &Path) -> (PathBuf, PathBuf) {
    let (program, canary) = (folder.join("trap"), folder.join("canary"));
    write_script(&program, &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", canary.display()));
    (program, canary)
}

/// Puts the trap wherever a repository can name a program.
fn set_traps(repository: &Repository, trap: &Path) {
    let trap = trap.to_str().unwrap();
    let external = format!("ext::{trap} %S");
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "uploadpack.packObjectsHook",
        "filter.trap.smudge",
        "filter.trap.clean",
        "filter.trap.process",
        "diff.external",
        "diff.trap.textconv",
        "merge.trap.driver",
        "credential.helper",
        "gpg.program",
        "alias.fetch",
        "submodule.lib.update",
    ] {
        repository.git(["config", key, trap]);
    }
    repository.git(["config", "protocol.ext.allow", "always"]);
    repository.git(["config", &format!("url.{external}.insteadOf"), "https://example.com/"]);
    repository.git(["config", "submodule.recurse", "true"]);
    let hooks = repository.path().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in [
        "post-checkout",
        "post-update",
        "pre-receive",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
    ] {
        fs::copy(trap, hooks.join(hook)).unwrap();
    }
    fs::write(repository.path().join(".gitattributes"), "* filter=trap diff=trap merge=trap\n")
        .unwrap();
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {external}\n");
    fs::write(repository.path().join(".gitmodules"), modules).unwrap();
}

/// Runs git past the filters and hooks, which would spring for the one who sets them.
fn plumb(repository: &Repository, arguments: &[&str]) -> String {
    let quiet = [
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "submodule.recurse=false",
        // Whoever writes the index compares each file that is as young as the index, through its filter.
        "-c",
        "filter.trap.clean=",
        "-c",
        "filter.trap.process=",
    ];
    repository.git([&quiet[..], arguments].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_full_of_traps_is_fetched_and_deployed_and_springs_none() {
    let mut world = World::with_file(QUICK);
    let (program, canary) = trap(world.folder());
    fs::write(world.folder().join("secret"), "outside").unwrap();
    symlink(world.folder().join("secret"), world.repository.path().join("link")).unwrap();
    symlink(world.folder(), world.repository.path().join("folder")).unwrap();
    world.repository.commit_all("Ann", "ann@example.com", "links");
    let head = world.repository.head();
    set_traps(&world.repository, &program);
    for file in [".gitattributes", ".gitmodules"] {
        let blob = plumb(&world.repository, &["hash-object", "-w", "--no-filters", file]);
        plumb(
            &world.repository,
            &["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{file}")],
        );
    }
    plumb(
        &world.repository,
        &["update-index", "--add", "--cacheinfo", &format!("160000,{head},lib")],
    );
    let tree = plumb(&world.repository, &["write-tree"]);
    let sprung =
        plumb(&world.repository, &["commit-tree", &tree, "-p", head.as_str(), "-m", "traps"]);
    plumb(&world.repository, &["update-ref", "refs/heads/main", &sprung]);
    let _ = fs::remove_file(&canary);
    world.start().await;
    let refused = world.until("the submodule is refused", |snapshot| {
        match &snapshot.deployments.first()?.deployment.ended.as_ref()?.outcome {
            Outcome::Failed(why) => Some(why.clone()),
            _ => None,
        }
    });
    let why = refused.await;
    assert!(why.contains("the submodule lib") && why.contains("'ext' not allowed"), "{why}");
    plumb(&world.repository, &["update-index", "--force-remove", "lib"]);
    let tree = plumb(&world.repository, &["write-tree"]);
    let without =
        plumb(&world.repository, &["commit-tree", &tree, "-p", &sprung, "-m", "no submodule"]);
    plumb(&world.repository, &["update-ref", "refs/heads/main", &without]);
    let row = world.until_build("it is verified", is_verified).await;
    assert_eq!(row.build.sha.as_str(), without);
    world.live(row.build.number).await;
    assert_eq!(fs::read_to_string(&canary).unwrap_or_default(), "", "a trap was sprung");
    assert_eq!(fs::read_to_string(world.folder().join("secret")).unwrap(), "outside");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_folder_that_leads_out_of_the_tree_is_no_service() {
    let mut world = World::with_file(QUICK);
    let outside = world.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("trunkline.toml"), QUICK).unwrap();
    symlink(&outside, world.repository.path().join("service")).unwrap();
    world.repository.commit_all("Ann", "ann@example.com", "link");
    world.start_folders(&[Some("service")]).await;
    let fleet = world.handle().fleet();
    assert!(fleet.services.is_empty(), "{fleet:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_that_no_process_can_take_is_said_and_nothing_starts() {
    let long = "x".repeat(256 * 1024);
    let file = QUICK.replace("run = \"./release\"", &format!("run = [\"./release\", \"{long}\"]"));
    let mut world = World::open(&file).await;
    let build = world.verified("long").await;
    let id = world.promote(build).await;
    let deployment = world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Failed);
    assert!(deployment.trouble().unwrap().contains("not started: "), "{deployment:?}");
    assert_eq!(world.ran(), [""; 0]);
    world.stop().await;
}

#[test]
fn a_service_file_with_a_nul_is_refused_in_words() {
    let home = Home::new();
    let repository = Repository::new();
    repository.write("trunkline.toml", &QUICK.replace("[\"true\"]", "[\"true\", \"a\\u0000b\"]"));
    repository.commit_all("Ann", "ann@example.com", "nul");
    home.watch_repository(repository.path(), "poll = \"100ms\"");
    until("the mistake is said", || {
        let said = home.trunkline(&["status"]);
        String::from_utf8([said.stdout, said.stderr].concat()).unwrap().contains("NUL character")
    });
}

#[test]
fn a_step_gets_no_variable_that_points_git_elsewhere() {
    let home = Home::new();
    let repository = Repository::new();
    repository.write(
        "trunkline.toml",
        &QUICK.replace("[\"true\"]", "\"env -0 > ../../env; git rev-parse HEAD\""),
    );
    repository.commit_all("Ann", "ann@example.com", "begin");
    home.watch_repository(repository.path(), "poll = \"100ms\"");
    let git = [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_CONFIG_PARAMETERS",
    ];
    let mut first: Command = home.command(&["status"]);
    first.envs(git.map(|name| (name, "/nowhere"))).env("GIT_CONFIG_PARAMETERS", "'core.bare=true'");
    first.output().unwrap();
    until("it is verified", || {
        let builds = home.trunkline(&["builds", "--json"]).stdout;
        let builds: Value = serde_json::from_slice(&builds).unwrap_or_default();
        builds[0]["state"] == "verified"
    });
    let environment = find(&home.path("data"), "env").expect("the step wrote it");
    let environment = String::from_utf8(fs::read(environment).unwrap()).unwrap();
    let names: Vec<_> =
        environment.split('\0').filter_map(|v| Some(v.split_once('=')?.0)).collect();
    for name in git {
        assert!(!names.contains(&name), "{name} reached the step");
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut folders = Vec::new();
    for entry in entries {
        if entry.file_name() == name && entry.path().is_file() {
            return Some(entry.path());
        }
        folders.extend(entry.file_type().ok()?.is_dir().then(|| entry.path()));
    }
    folders.iter().find_map(|folder| find(folder, name))
}
