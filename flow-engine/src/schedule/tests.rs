use super::*;

fn schedule(expression: &'static str, timezone: &'static str) -> Schedule {
    Schedule::new(expression, Some(timezone), None)
}

fn ticks(expression: &'static str, timezone: &'static str) -> Ticks {
    Ticks::of(&schedule(expression, timezone)).unwrap()
}

fn utc(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// The ticks after one time until another, in UTC.
fn from_to(ticks: &Ticks, from: &str, to: &str) -> Vec<String> {
    let first = ticks.next_after(utc(from)).unwrap();
    let all = ticks.between(first, utc(to));
    all.map(|tick| tick.format("%d %H:%M").to_string())
        .collect()
}

#[test]
fn a_tick_is_at_its_time_in_its_zone_in_summer_and_in_winter() {
    let daily = ticks("0 7 * * *", "Europe/Zurich");
    let next = |after| daily.next_after(utc(after)).unwrap();
    assert_eq!(next("2026-01-10T00:00:00Z"), utc("2026-01-10T06:00:00Z"));
    assert_eq!(next("2026-07-10T00:00:00Z"), utc("2026-07-10T05:00:00Z"));
    // Not the one that is now, and a part of a second does not matter.
    assert_eq!(next("2026-07-10T05:00:00Z"), utc("2026-07-11T05:00:00Z"));
    assert_eq!(
        next("2026-07-10T04:59:59.999Z"),
        utc("2026-07-10T05:00:00Z")
    );
    assert_eq!(
        next("2026-07-10T05:00:00.001Z"),
        utc("2026-07-11T05:00:00Z")
    );
}

#[test]
fn six_fields_begin_with_the_second() {
    let each = ticks("* * * * * *", "UTC");
    let next = each.next_after(utc("2026-07-10T05:00:00.5Z"));
    assert_eq!(next, Some(utc("2026-07-10T05:00:01Z")));
}

/// In Zurich it was never half past two on 29 March 2026: at two it was three.
#[test]
fn a_time_of_day_that_a_clock_skips_comes_when_it_has_skipped_it() {
    let daily = ticks("30 2 * * *", "Europe/Zurich");
    assert_eq!(
        from_to(&daily, "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z"),
        ["28 01:30", "29 01:00", "30 00:30"]
    );
}

/// On 25 October 2026 it was half past two twice.
#[test]
fn a_time_of_day_that_is_there_twice_comes_once() {
    let daily = ticks("30 2 * * *", "Europe/Zurich");
    assert_eq!(
        from_to(&daily, "2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z"),
        ["24 00:30", "25 00:30", "26 01:30"]
    );
}

#[test]
fn an_interval_goes_on_through_both_changes_of_the_clock() {
    let half_hours = ticks("*/30 * * * *", "Europe/Zurich");
    assert_eq!(
        from_to(&half_hours, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"),
        ["29 00:30", "29 01:00", "29 01:30", "29 02:00"]
    );
    assert_eq!(
        from_to(&half_hours, "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
        ["25 00:30", "25 01:00", "25 01:30", "25 02:00"]
    );
}

/// Whatever the zone does: one that changes by half an hour, one at midnight, and one that left out a day.
#[test]
fn ticks_only_go_forward() {
    for (zone, from) in [
        ("Europe/Zurich", "2026-03-28T20:00:00Z"),
        ("Europe/Zurich", "2026-10-24T20:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T10:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T10:00:00Z"),
        ("America/Asuncion", "2023-09-30T20:00:00Z"),
        ("Pacific/Apia", "2011-12-29T00:00:00Z"),
    ] {
        for expression in [
            "30 2 * * *",
            "0 0 * * *",
            "*/7 * * * *",
            "15 */2 * * *",
            "5 0 1-2 * *",
        ] {
            let ticks = ticks(expression, zone);
            let mut last = utc(from);
            for _ in 0..300 {
                let next = ticks.next_after(last);
                assert!(
                    next.is_some_and(|next| next > last),
                    "{expression} in {zone} after {last}"
                );
                last = next.unwrap();
            }
        }
    }
}

#[test]
fn a_day_that_never_comes_has_no_tick() {
    let never = schedule("0 0 30 2 *", "UTC");
    assert_eq!(never.next_after(utc("2026-01-01T00:00:00Z")), None);
    let wrong = schedule("0 7 * * *", "Europe/Nowhere");
    assert_eq!(wrong.next_after(utc("2026-01-01T00:00:00Z")), None);
}

const POLICIES: [Missed; 3] = [Missed::Once, Missed::Skip, Missed::All];

#[test]
fn nothing_is_due_before_its_time() {
    let hourly = ticks("0 * * * *", "UTC");
    for missed in POLICIES {
        let due = hourly.due(
            missed,
            utc("2026-07-10T05:00:00Z"),
            utc("2026-07-10T05:59:59Z"),
        );
        assert_eq!(due, None);
    }
}

#[test]
fn ticks_that_are_a_minute_late_are_started_each_and_none_is_missed() {
    let each = ticks("*/20 * * * * *", "UTC");
    let now = utc("2026-07-10T05:01:00.000Z");
    for missed in POLICIES {
        let due = each.due(missed, utc("2026-07-10T04:59:40Z"), now).unwrap();
        assert_eq!(due.starts.len(), 4, "{missed:?}");
        assert_eq!(due.starts[0], utc("2026-07-10T05:00:00Z"));
        assert_eq!(due.last_tick, now);
        assert_eq!(due.missed_since, None);
    }
}

#[test]
fn of_missed_ticks_one_or_none_or_all_are_started() {
    let hourly = ticks("0 * * * *", "UTC");
    let due = |missed, now| {
        hourly
            .due(missed, utc("2026-07-10T05:00:00Z"), utc(now))
            .unwrap()
    };
    let six = utc("2026-07-10T06:00:00Z");
    let eight = utc("2026-07-10T08:00:00Z");
    let of = |starts: Vec<DateTime<Utc>>| Due {
        last_tick: eight,
        starts,
        missed_since: Some(six),
    };
    let late = "2026-07-10T08:20:00Z";
    assert_eq!(due(Missed::Once, late), of(vec![eight]));
    assert_eq!(due(Missed::Skip, late), of(vec![]));
    let all = [6, 7, 8].map(|hour| utc(&format!("2026-07-10T0{hour}:00:00Z")));
    assert_eq!(due(Missed::All, late), of(all.to_vec()));
    // The last one is not missed yet.
    let in_time = "2026-07-10T08:00:59Z";
    assert_eq!(due(Missed::Once, in_time), of(vec![eight]));
    assert_eq!(due(Missed::Skip, in_time), of(vec![eight]));
    assert_eq!(due(Missed::All, in_time), of(all.to_vec()));
}

#[test]
fn all_missed_ticks_are_started_a_hundred_at_a_time() {
    let each = ticks("* * * * * *", "UTC");
    let now = utc("2026-07-10T05:10:00Z");
    let (mut position, mut started) = (utc("2026-07-10T05:00:00Z"), Vec::new());
    while let Some(due) = each.due(Missed::All, position, now) {
        assert!(due.starts.len() <= 100);
        assert_eq!(due.starts.last(), Some(&due.last_tick));
        position = due.last_tick;
        started.extend(due.starts);
    }
    assert_eq!(started.len(), 600);
    assert!(started.is_sorted_by(|one, next| one < next));
}

/// Thirty million ticks lie between.
#[test]
fn the_last_of_very_many_missed_ticks_is_found() {
    let each = ticks("* * * * * *", "UTC");
    let due = each.due(
        Missed::Once,
        utc("2025-07-10T05:00:00Z"),
        utc("2026-07-10T05:00:00.7Z"),
    );
    assert_eq!(due.unwrap().starts, [utc("2026-07-10T05:00:00Z")]);
    let yearly = ticks("0 0 1 1 *", "UTC");
    let due = yearly.due(
        Missed::Once,
        utc("2000-07-10T05:00:00Z"),
        utc("2026-07-10T05:00:00Z"),
    );
    assert_eq!(due.unwrap().starts, [utc("2026-01-01T00:00:00Z")]);
}
