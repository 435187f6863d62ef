//! An engine behind TLS whose first deployment prints numbered lines.

use trunkline::domain::caller::AccessRole;
use trunkline::domain::deployment::DeploymentState;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::TeamServer;

use super::server::Offer;
use super::{CONSOLES, lines};

pub async fn serve() {
    let program = std::env::current_exe().expect("this program has a path");
    let gate = std::env::temp_dir().join(format!("trunkline-fanout-{}", std::process::id()));
    let step = format!(
        "while [ ! -e '{}' ]; do sleep 0.01; done; '{}' print {}",
        gate.display(),
        program.display(),
        lines()
    );
    let file = QUICK
        .replace(r#""echo staging $TRUNKLINE_BUILD""#, &format!("{step:?}\ntimeout = \"10m\""));
    let world = World::open(&file).await;
    let running = |row: &trunkline::domain::snapshot::DeploymentRow| {
        matches!(row.deployment.state(), DeploymentState::Running).then_some(row.deployment.id)
    };
    let deployment =
        world.until("the step runs", |seen| seen.deployments.iter().find_map(running)).await;
    let team = TeamServer::new(world.handle()).await;
    let mut tokens = Vec::new();
    for number in 0..CONSOLES {
        let made = team.token(&format!("person-{number}"), AccessRole::Viewer, &[]).await;
        tokens.push(made.secret.expose().to_owned());
    }
    let (port, gate_file) = (team.address.port(), gate.display().to_string());
    Offer { port, tokens, deployment, gate: gate_file }.stand().await;
    let _never_opened = std::fs::remove_file(gate);
}
