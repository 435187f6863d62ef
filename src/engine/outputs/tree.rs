//! The tree of the trunk's tip, in which the observed commands of a service run. No deployment uses it.

use std::path::{Path, PathBuf};

use crate::domain::ids::{ServiceName, Sha};
use crate::engine::reserve::Reserve;
use crate::engine::world::WorldReader;
use crate::git::tree;

/// The start of the name of a tree.
const TREE: &str = "tree-";

/// The tree that is there, if any.
#[derive(Debug, Default)]
pub(super) struct TipTree(Option<(Sha, PathBuf)>);

impl TipTree {
    /// The folder of the service in the tree of the tip. It is made where the tip has moved, and the one before removed.
    pub async fn at_tip(
        &mut self,
        world: &WorldReader,
        reserve: &Reserve,
        service: &ServiceName,
        folder: &Path,
    ) -> Result<PathBuf, String> {
        let (tip, mirror, inside) = {
            let world = world.world();
            let service = world.services.get(service).ok_or("the service is gone")?;
            let tip = service.state.tip.clone().ok_or("the trunk is not known yet")?;
            (tip, service.mirror.clone(), service.watched.folder.clone())
        };
        let tree = match &self.0 {
            Some((at, tree)) if *at == tip && tree.exists() => tree.clone(),
            _ => {
                if reserve.is_short() || reserve.is_released() {
                    return Err("the disk is almost full".to_owned());
                }
                let path = folder.join(format!("{TREE}{tip}"));
                tokio::fs::create_dir_all(folder).await.map_err(|error| error.to_string())?;
                let made = mirror.checkout(&tip, &path).await;
                made.map_err(|error| format!("the trunk's tree cannot be made: {error}"))?;
                self.0 = Some((tip, path.clone()));
                remove_others(folder.to_owned(), path.clone()).await;
                path
            }
        };
        Ok(inside.map_or(tree.clone(), |inside| tree.join(inside)))
    }
}

/// Removes the trees of earlier tips.
async fn remove_others(folder: PathBuf, kept: PathBuf) {
    let remove = move || {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_tree = entry.file_name().to_string_lossy().starts_with(TREE);
            if is_tree && entry.path() != kept {
                let _next_time = tree::remove(&entry.path());
            }
        }
    };
    let _stopping = tokio::task::spawn_blocking(remove).await;
}
