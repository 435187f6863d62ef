//! No circle of files: two files below one folder of `src` that need each other, by however many steps, are one file or
//! have their order wrong. A module and its parent may need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{code, sources};

/// Folders, and how many of their files may still be in circles. The numbers may only go down.
const ALLOWED: &[(&str, usize)] = &[("src/console", 0), ("src/engine", 0)];

/// A module by the names on its path: `["console", "update", "act"]`.
type Module = Vec<String>;
type Uses = BTreeMap<Module, BTreeSet<Module>>;

fn module_of(path: &Path) -> Module {
    let inside = path.strip_prefix("src").expect("the file is below src").with_extension("");
    let names = inside.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

/// The end of a name that begins here.
fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Expands what follows a path's beginning: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(text: &str, before: &[String], paths: &mut Vec<Vec<String>>) {
    if let Some(list) = text.strip_prefix('{') {
        let (mut depth, mut begin) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    expand(list[begin..at].trim_start(), before, paths);
                    begin = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let end = name_end(text);
    let mut path = before.to_vec();
    if end > 0 {
        path.push(text[..end].to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(rest) => expand(rest, &path, paths),
        None => paths.push(path),
    }
}

/// Every path in a file to a module of ours, from the root of the crate.
fn paths_in(code: &str, module: &Module) -> Vec<Vec<String>> {
    let children = code.lines().filter_map(|line| {
        let declared = line.trim_start_matches(|c| c != 'm').strip_prefix("mod ")?;
        declared.strip_suffix(';')
    });
    let mut paths = Vec::new();
    for start in ["crate", "super", "self"].into_iter().chain(children) {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = &code[..at];
            let is_visibility = before.ends_with("(in ");
            let is_inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if !is_visibility && !is_inside {
                expand(&code[at..], &[], &mut paths);
            }
        }
    }
    paths.into_iter().map(|path| from_root(path, module)).collect()
}

fn from_root(path: Vec<String>, module: &Module) -> Vec<String> {
    let mut root = module.clone();
    let mut names = path.into_iter().peekable();
    if names.next_if(|name| name == "crate").is_some() {
        root.clear();
    }
    while let Some(name) = names.next_if(|name| name == "super" || name == "self") {
        if name == "super" {
            root.pop();
        }
    }
    root.extend(names);
    root
}

/// What each module gives on from its children: a name, and the path that it stands for.
fn re_exports(code: &str, module: &Module) -> Vec<(Vec<String>, Vec<String>)> {
    let statements = code.split(';').filter_map(|statement| {
        let (before, path) = statement.split_once("use self::")?;
        before.trim_end().rsplit('\n').next()?.trim().starts_with("pub").then_some(path)
    });
    let mut paths = Vec::new();
    statements.for_each(|path| expand(path.trim(), &[], &mut paths));
    let given = paths.into_iter().map(|path| {
        let name = path.last().expect("a path has a name").clone();
        ([&module[..], &[name]].concat(), [&module[..], &path].concat())
    });
    given.collect()
}

/// Which file of the folder needs which other, apart from a module its parent.
fn uses(folder: &str) -> Uses {
    let files: BTreeMap<Module, String> =
        sources(Path::new(folder)).iter().map(|path| (module_of(path), code(path))).collect();
    let given: BTreeMap<_, _> =
        files.iter().flat_map(|(module, code)| re_exports(code, module)).collect();
    let is_file = |path: &[String]| files.contains_key(path);
    let owner = |path: Vec<String>| {
        let given = (1..=path.len()).find_map(|end| {
            let name = &path[..end];
            given.get(name).filter(|_| !is_file(name))
        });
        let path = given.unwrap_or(&path);
        (1..=path.len()).rev().map(|end| &path[..end]).find(|name| is_file(name)).map(<[_]>::to_vec)
    };
    let of = |(module, code): (&Module, &String)| {
        let used = paths_in(code, module).into_iter().filter_map(owner);
        let parent = &module[..module.len() - 1];
        let used = used.filter(|other| other != module && other != parent).collect();
        (module.clone(), used)
    };
    files.iter().map(of).collect()
}

/// Everything that a module needs, by any number of steps.
fn reached(uses: &Uses, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in &uses[module] {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// The largest sets of modules that all need each other.
fn circles(uses: &Uses) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<_, _> =
        uses.keys().map(|module| (module, reached(uses, module))).collect();
    let circle = |module: &Module| {
        let back = reached[module].iter().filter(|other| reached[other].contains(module));
        back.map(|other| other.join("::")).collect::<Vec<_>>()
    };
    uses.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for (folder, allowed) in ALLOWED {
        let circles = circles(&uses(folder));
        let files: usize = circles.iter().map(Vec::len).sum();
        if files > *allowed {
            let shown: Vec<_> = circles.iter().map(|circle| circle.join(", ")).collect();
            let shown = shown.join("\n  ");
            wrong.push(format!("{folder}: {files} files, {allowed} are allowed\n  {shown}"));
        }
    }
    assert!(wrong.is_empty(), "circles of files\n{}", wrong.join("\n"));
}

#[test]
fn a_circle_over_three_files_is_found_and_a_parent_is_none() {
    let module = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
    let uses = [("a", "a::b"), ("a::b", "a::c"), ("a::c", "a::d"), ("a::d", "a::b")];
    let uses: Uses = uses.iter().map(|(from, to)| (module(from), [module(to)].into())).collect();
    assert_eq!(circles(&uses), [vec!["a::b".into(), "a::c".into(), "a::d".into()]].into());
}

#[test]
fn a_path_is_read_with_its_braces_and_from_the_root() {
    let module = ["console".to_owned(), "update".to_owned(), "act".to_owned()].to_vec();
    let code =
        "use super::{plan, log::{Pane, self}};\nuse crate::console::model::Model;\nself::x()";
    let paths: BTreeSet<_> = paths_in(code, &module).iter().map(|path| path.join("::")).collect();
    let expected = [
        "console::model::Model",
        "console::update::act::x",
        "console::update::log::Pane",
        "console::update::log::self",
        "console::update::plan",
    ];
    assert_eq!(paths, expected.map(str::to_owned).into());
}
