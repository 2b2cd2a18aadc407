//! Many machines: cables that are pulled and put back, packets that are lost, a slow network, and a
//! machine that is gone for good.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::Duration;

use marionette_conformance::history::Event;

use crate::bed::{BACK, eventually, now};
use crate::lab::{Lab, Machine, example, this_test};
use crate::program::{LEASE, SWEEP};
use crate::proxy::Proxy;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// How many jobs a machine has done, by its own account.
fn done(lab: &Lab, machine: &Machine) -> usize {
    lab.events().count(|event| match event {
        Event::Effect(_, run) => run.process == machine.number,
        _ => false,
    })
}

fn accepted(lab: &Lab) -> usize {
    lab.events().accepted().len()
}

/// Waits until a machine works, which has to be soon.
async fn works_soon(lab: &Lab, machine: &Machine, before: usize) {
    let took = eventually("it works", || done(lab, machine) > before).await;
    println!("machine {} works again after {took:?}", machine.number);
    assert!(took < BACK, "it works only after {took:?}");
}

/// Two workers and a producer, which have begun.
async fn three(lab: &mut Lab) -> [Machine; 3] {
    let machines = ["work", "work", "produce"].map(|role| lab.machine(role));
    for machine in &machines[..2] {
        eventually("it works", || done(lab, machine) > 4).await;
    }
    machines
}

/// Nobody produces any more, and all is done.
async fn end(lab: &Lab, mut producer: Machine) {
    lab.kill(&mut producer);
    lab.end().await;
    let count = |is: fn(&Event) -> bool| lab.events().count(is);
    println!(
        "{} accepted, {} attempts, {} effects",
        accepted(lab),
        count(|event| matches!(event, Event::Start(..))),
        count(|event| matches!(event, Event::Effect(..)))
    );
}

#[tokio::test]
async fn a_worker_that_is_cut_off_gives_its_jobs_up_and_works_within_5_s_of_the_healing() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let [cut, other, producer] = three(&mut lab).await;
    cut_at_work(&lab, &cut).await;
    let begun = lab.events().count(|event| starts(event, &cut));
    let since = now();
    // What it had runs elsewhere.
    let again = |lab: &Lab| taken_over(lab, &cut, &other);
    let has = eventually("others have its jobs", || again(&lab) > 0).await;
    println!("others have its jobs after {has:?}");
    assert!(has > LEASE / 2, "it had its lease: {has:?}");
    assert!(has < LEASE + SWEEP + Duration::from_secs(5), "{has:?}");
    pass(13_u64.saturating_sub(since.elapsed().as_secs())).await;
    let (before, idle) = (done(&lab, &cut), lab.events().count(|it| starts(it, &cut)));
    assert!(idle < begun + 64, "it ran what it had and no more");
    assert!(done(&lab, &other) > 40, "the other one works");
    cut.heal();
    works_soon(&lab, &cut, before).await;
    cut.has_two_connections(&lab).await;
    end(&lab, producer).await;
}

/// Cuts a machine off while it has a job, which then only others can end.
async fn cut_at_work(lab: &Lab, machine: &Machine) {
    let has_work = || {
        let begun = lab.events().count(|event| starts(event, machine));
        begun > done(lab, machine)
    };
    loop {
        eventually("it has a job", has_work).await;
        machine.cut();
        // The job may have ended before the cable was out.
        if has_work() {
            return;
        }
        machine.heal();
    }
}

fn starts(event: &Event, machine: &Machine) -> bool {
    matches!(event, Event::Start(_, run) if run.process == machine.number)
}

/// How many jobs that one machine began and did not do another has begun.
fn taken_over(lab: &Lab, from: &Machine, by: &Machine) -> usize {
    let events = lab.events();
    let begun: Vec<_> = events
        .iter()
        .filter(|event| starts(event, from))
        .filter_map(|event| event.job())
        .collect();
    let others = events.iter().filter(|event| starts(event, by));
    let others = others.filter_map(|event| event.job());
    others.filter(|job| begun.contains(job)).count()
}

#[tokio::test]
async fn a_producer_that_is_cut_off_for_a_while_has_each_job_accepted_once() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let [_one, _other, producer] = three(&mut lab).await;
    // Less than a call waits, and more.
    for seconds in [3, 12] {
        producer.cut();
        pass(seconds).await;
        let before = accepted(&lab);
        producer.heal();
        let took = eventually("it is answered", || accepted(&lab) > before).await;
        println!("the producer is answered after {took:?}");
        assert!(took < BACK, "it is answered only after {took:?}");
        producer.has_two_connections(&lab).await;
    }
    end(&lab, producer).await;
}

#[tokio::test]
async fn all_machines_lose_the_server_at_once_and_work_within_5_s_of_the_healing() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let machines = three(&mut lab).await;
    for machine in &machines {
        machine.cut();
    }
    pass(10).await;
    let before = [&machines[0], &machines[1]].map(|machine| done(&lab, machine));
    for machine in &machines {
        machine.heal();
    }
    let [one, other, producer] = machines;
    tokio::join!(
        works_soon(&lab, &one, before[0]),
        works_soon(&lab, &other, before[1])
    );
    for machine in [&one, &other, &producer] {
        machine.has_two_connections(&lab).await;
    }
    end(&lab, producer).await;
}

#[tokio::test]
async fn a_machine_that_slept_for_longer_than_a_lease_works_again() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let [sleeper, other, producer] = three(&mut lab).await;
    sleeper.signal("-STOP");
    // What it had runs elsewhere, while it does not know that it lost it.
    lab.history.write(&Event::Gone(sleeper.number));
    pass(2).await;
    // Nobody tells it that its connections end.
    for kind in ["normal", "pubsub"] {
        lab.server.command(&["CLIENT", "KILL", "TYPE", kind]);
    }
    pass(7).await;
    let before = done(&lab, &sleeper);
    sleeper.signal("-CONT");
    works_soon(&lab, &sleeper, before + 8).await;
    for machine in [&sleeper, &other, &producer] {
        machine.has_two_connections(&lab).await;
    }
    end(&lab, producer).await;
}

#[tokio::test]
async fn a_network_that_loses_packets_loses_no_job() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let [one, other, producer] = three(&mut lab).await;
    let before = [&one, &other].map(|machine| done(&lab, machine));
    let since = now();
    // A third of the time nothing gets through, at moments that are not the same for all.
    while since.elapsed() < Duration::from_secs(10) {
        for machine in [&one, &other, &producer] {
            machine.cut();
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..60))).await;
            machine.heal();
        }
    }
    works_soon(&lab, &one, before[0]).await;
    works_soon(&lab, &other, before[1]).await;
    for machine in [&one, &other, &producer] {
        machine.has_two_connections(&lab).await;
    }
    end(&lab, producer).await;
}

#[tokio::test]
async fn a_machine_that_is_far_away_works_beside_one_that_is_near() {
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let proxy = Proxy::on("10.77.0.1:0", lab.server.port());
    proxy.delay(Duration::from_millis(150));
    let far = lab.machine_for("work", &proxy.url());
    let near = lab.machine("work");
    let mut producer = lab.machine("produce");
    eventually("both work", || {
        done(&lab, &far) > 8 && done(&lab, &near) > 8
    })
    .await;
    // It becomes so slow that no answer comes in time, and then as it was.
    proxy.delay(Duration::from_secs(6));
    pass(12).await;
    proxy.delay(Duration::from_millis(150));
    let before = done(&lab, &far);
    eventually("the far one works", || done(&lab, &far) > before).await;
    lab.kill(&mut producer);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_on_two_machines_of_which_one_is_killed_loses_nothing() {
    let Some(example) = example() else { return };
    let Some(mut lab) = Lab::new(this_test!()).await else {
        return;
    };
    let mut worker = Command::new(&example);
    worker.arg("mails").env("REDIS_URL", lab.url());
    let mut worker = lab.start(&worker);
    eventually("it is connected", || lab.connections(&worker) == 2).await;
    let mut service = Command::new(&example);
    service.env("REDIS_URL", lab.url()).env("FLEET", "mails");
    let mut service = lab.start(&service);
    let mut said = BufReader::new(service.process.stdout.take().expect("it is a pipe"));
    let mut line = || {
        let mut line = String::new();
        tokio::task::block_in_place(|| said.read_line(&mut line)).expect("text");
        line
    };
    assert_eq!(line(), "300 mails are accepted: they are on the server\n");
    assert_eq!(line(), "one of two workers was killed while it sent some\n");
    // And so is the other machine.
    worker.process.kill().expect("it runs");
    assert_eq!(line(), "300 mails are done, none is lost\n");
    assert!(service.process.wait().expect("it ends").success());
}
