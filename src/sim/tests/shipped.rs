//! The shipped scenarios, minute by minute, without sockets.

use std::path::Path;

use super::*;
use crate::sim::{directory, session::SignIn, world::World};

/// The world of a scenario in which agent 8001 has just signed in ready, and does nothing.
fn begun(name: &str) -> World {
    let (events, _) = mpsc::unbounded_channel();
    let switch = FakeSwitch::new(events);
    let mut world = World::new(Scenario::load(Some(Path::new(name))).unwrap(), switch);
    world.sign_in("8001", &SignIn { bind_tel: "9001".into(), login_type: 2, state: 1 });
    world
}

async fn pass(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        world.run_due();
    }
}

#[tokio::test(start_paused = true)]
async fn in_rush_hour_both_queues_fill_up() {
    let mut world = begun("rush-hour");
    pass(&mut world, 60).await;
    for queue in [1, 2] {
        assert!(world.waiting().iter().any(|w| w.queue == Some(queue)), "queue {queue}: {:?}", world.waiting());
    }
    let detail = directory::queue_detail(&world, "8001");
    let users = detail["result"].as_array().unwrap().iter().flat_map(|g| g["users"].as_array().unwrap());
    assert!(users.map(|u| u["level"].as_u64().unwrap()).any(|level| level > 0), "somebody important waits");
    let talking = world.on_the_line().iter().any(|a| a.ag_no == "8104" && a.can_be_spied);
    assert!(talking, "there is somebody to listen to");
    pass(&mut world, 600).await;
    assert!(world.waiting().len() < 20, "it does not pile up without end");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_morning_brings_one_customer_at_a_time() {
    let mut world = begun("quiet-morning");
    let inbound = |world: &World| world.calls.values().filter(|c| c.to_agent.is_none()).count();
    pass(&mut world, 14).await;
    let before = inbound(&world);
    pass(&mut world, 2).await;
    assert_eq!(inbound(&world), before + 1);
    for _ in 0..10 {
        pass(&mut world, 60).await;
        assert!(world.waiting().is_empty(), "nobody has to wait: {:?}", world.waiting());
    }
    assert!(world.free_agents().iter().any(|a| a.ag_no == "8101"), "somebody to consult");
    let plan = world.worktime("8001");
    assert_eq!(plan["list"].as_array().unwrap().len(), 4, "two reminders of each break");
}
