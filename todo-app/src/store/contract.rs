//! What the store promises, on every database: each function below runs on SQLite and on a real PostgreSQL server.

use std::time::Duration;

use diesel::{RunQueryDsl, sql_query};
use jiff::{Timestamp, ToSpan, civil::date};
use todo_otel_runtime::{testing, traced};

use super::*;

use crate::domain::{
    DueFilter, Edit, EnrichmentMode, Field, Filter, NewSuggestion, NewTodo, Note, Priority, Sort, Status, StatusFilter,
    Suggestion, SuggestionStatus, SuggestionValue, Todo, exchange::Imported,
};

/// An empty store.
struct Fixture {
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

fn on_sqlite() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    Fixture { store: Store::open(&folder.path().join("todo.db")).unwrap(), _folder: Some(folder) }
}

#[cfg(feature = "postgres")]
fn on_postgres(test: &str) -> Option<Fixture> {
    let url = otlp_test_support::postgres::database(test)?;
    Some(Fixture { store: Store::connect(&url).unwrap(), _folder: None })
}

macro_rules! contract {
    ($($name:ident)*) => {
        mod sqlite { $( #[test] fn $name() { super::$name(&super::on_sqlite()); } )* }
        #[cfg(feature = "postgres")]
        mod postgres { $( #[test] fn $name() {
            if let Some(fixture) = super::on_postgres(stringify!($name)) { super::$name(&fixture); }
        } )* }
    };
}

contract! {
    a_todo_comes_back_as_it_was_added
    filters_narrow_the_list
    several_numbers_change_all_or_none
    an_edit_changes_what_it_names_and_compares_the_version
    an_edit_changes_all_or_none_and_is_taken_back_as_one
    notes_are_kept_found_and_taken_back
    accepting_changes_the_todo_and_decides_once
    suggestions_expire_when_they_are_overtaken
    a_job_is_leased_to_one_worker_and_a_late_one_changes_nothing
    a_failing_job_waits_longer_each_time_and_is_buried_after_five_attempts
    a_released_job_has_not_been_tried_and_a_job_of_a_deleted_todo_ends
    stats_count_the_list
    every_change_can_be_taken_back_newest_first
    deleted_todos_go_for_good_after_a_month
    a_job_is_kept_as_long_as_its_lease_is_renewed
    an_overdue_todo_is_taken_once_for_each_day_it_was_due
    an_import_adds_what_is_new_in_a_few_statements
    a_span_says_what_was_asked_of_which_database
    a_statement_in_a_loop_is_warned_of_once
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn new(title: &str) -> NewTodo {
    NewTodo { uuid: uuid::Uuid::new_v4().to_string(), title: title.into(), ..NewTodo::default() }
}

impl Fixture {
    fn add(&self, title: &str) -> Todo {
        self.store.create(&new(title), None, now()).unwrap()
    }

    fn suggest(&self, todo: &Todo, values: &[SuggestionValue]) -> Vec<Suggestion> {
        self.store.save_enrichment(&enrichment(todo, values), std::time::Duration::MAX, now()).unwrap()
    }
}

fn enrichment(todo: &Todo, values: &[SuggestionValue]) -> NewEnrichment {
    NewEnrichment {
        todo_id: todo.id,
        todo_version: todo.version,
        provider: "local".into(),
        model: "rules-1".into(),
        mode: EnrichmentMode::Inline,
        confidence: 0.8,
        attempts: 1,
        input_tokens: None,
        output_tokens: None,
        suggestions: values
            .iter()
            .map(|value| NewSuggestion { value: value.clone(), confidence: 0.8, reason: "because".into() })
            .collect(),
    }
}

/// One text that the database answers with.
fn ask(store: &Store, sql: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Text {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    store.with(|conn| Ok(sql_query(sql).get_result::<Text>(conn)?)).unwrap().text
}

fn a_todo_comes_back_as_it_was_added(fixture: &Fixture) {
    let added = NewTodo {
        description: Some("two\nlines".into()),
        priority: Some(Priority::High),
        project: Some("home.garden".into()),
        due: Some(date(2026, 12, 1)),
        tags: vec!["a".into(), "b".into()],
        ..new("Plant a tree")
    };
    let todo = fixture.store.create(&added, None, now()).unwrap();
    assert_eq!(fixture.store.get(&[todo.id]).unwrap()[0], todo);
    assert_eq!(todo.uuid, added.uuid);
    assert_eq!(todo.title, "Plant a tree");
    assert_eq!(todo.description, added.description);
    assert_eq!(todo.priority, Some(Priority::High));
    assert_eq!(todo.project, added.project);
    assert_eq!(todo.due, added.due);
    assert_eq!(todo.tags, ["a", "b"]);
    assert_eq!((todo.status, todo.version, todo.created_at), (Status::Open, 1, now()));
}

fn filters_narrow_the_list(fixture: &Fixture) {
    let add = |title: &str, change: &dyn Fn(&mut NewTodo)| {
        let mut todo = new(title);
        change(&mut todo);
        fixture.store.create(&todo, None, now()).unwrap().id
    };
    let milk = add("Buy 100% milk", &|todo| todo.tags = vec!["errand".into(), "food".into()]);
    let call = add("Call Zoë", &|todo| {
        todo.project = Some("home".into());
        todo.due = Some(date(2026, 11, 20));
    });
    let tree = add("Plant a tree", &|todo| {
        todo.project = Some("home.garden".into());
        todo.priority = Some(Priority::High);
        todo.due = Some(date(2026, 12, 1));
    });
    let done = add("Pay rent", &|_| {});
    fixture.store.complete(&[done], now()).unwrap();
    let gone = add("Gone", &|_| {});
    fixture.store.delete(&[gone], now()).unwrap();

    let ids =
        |filter: Filter| -> Vec<i64> { fixture.store.list(&filter).unwrap().iter().map(|todo| todo.id).collect() };
    let all = Filter { status: StatusFilter::All, ..Filter::default() };
    assert_eq!(ids(Filter::default()), [call, tree, milk], "by due day, those without last");
    assert_eq!(ids(all.clone()), [call, tree, milk, done]);
    assert_eq!(ids(Filter { status: StatusFilter::Done, ..all.clone() }), [done]);
    assert_eq!(ids(Filter { tags: vec!["food".into(), "errand".into()], ..all.clone() }), [milk]);
    assert_eq!(ids(Filter { tags: vec!["food".into(), "other".into()], ..all.clone() }), [0_i64; 0]);
    assert_eq!(ids(Filter { project: Some("home".into()), ..all.clone() }), [call, tree], "with what is below it");
    assert_eq!(ids(Filter { project: Some("hom_".into()), ..all.clone() }), [0_i64; 0], "no pattern");
    assert_eq!(ids(Filter { priority: Some(Priority::High), ..all.clone() }), [tree]);
    assert_eq!(ids(Filter { due: vec![DueFilter::Before(date(2026, 11, 22))], ..all.clone() }), [call]);
    assert_eq!(ids(Filter { due: vec![DueFilter::On(date(2026, 12, 1))], ..all.clone() }), [tree]);
    assert_eq!(ids(Filter { due: vec![DueFilter::Missing], ..all.clone() }), [milk, done]);
    assert_eq!(ids(Filter { text: Some("MILK buy".into()), ..all.clone() }), [milk], "every word, any case");
    assert_eq!(ids(Filter { text: Some("100%".into()), ..all.clone() }), [milk]);
    assert_eq!(ids(Filter { text: Some("%".into()), ..all.clone() }), [milk], "a percent sign is no pattern");
    assert_eq!(ids(Filter { text: Some("ZOË".into()), ..all.clone() }), [call], "case beyond ASCII");
    assert_eq!(ids(Filter { sort: Sort::Id, limit: Some(2), ..all.clone() }), [milk, call]);
    assert_eq!(ids(Filter { sort: Sort::Priority, limit: Some(1), ..all }), [tree]);
}

fn several_numbers_change_all_or_none(fixture: &Fixture) {
    let (first, second) = (fixture.add("one"), fixture.add("two"));
    let error = fixture.store.complete(&[first.id, 77, second.id, 99], now()).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { kind: "todo", ref ids } if ids == &[77, 99]), "{error}");
    assert_eq!(fixture.store.get(&[first.id]).unwrap()[0].status, Status::Open);

    let done = fixture.store.complete(&[first.id, second.id], now()).unwrap();
    assert!(done.iter().all(|todo| todo.status == Status::Done && todo.completed_at == Some(now())));
    let open = fixture.store.reopen(&[first.id], now()).unwrap();
    assert_eq!((open[0].status, open[0].completed_at), (Status::Open, None));

    fixture.store.delete(&[first.id], now()).unwrap();
    assert!(matches!(fixture.store.get(&[first.id]), Err(StoreError::NotFound { .. })));
    assert!(fixture.add("three").id > second.id, "numbers are not used again");
}

fn an_edit_changes_what_it_names_and_compares_the_version(fixture: &Fixture) {
    let todo = fixture.store.create(&NewTodo { tags: vec!["old".into()], ..new("one") }, None, now()).unwrap();
    let edit = Edit {
        due: Some(Some(date(2027, 1, 1))),
        add_tags: vec!["new".into()],
        remove_tags: vec!["old".into()],
        ..Edit::default()
    };
    let edited = fixture.store.update(&[todo.id], &edit, Some(todo.version), now()).unwrap().remove(0);
    assert_eq!((edited.due, edited.tags.as_slice(), edited.version), (edit.due.unwrap(), &["new".to_owned()][..], 2));
    assert_eq!(edited.title, "one");
    let clear = Edit { due: Some(None), ..Edit::default() };
    let error = fixture.store.update(&[todo.id], &clear, Some(todo.version), now()).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }));
    assert_eq!(fixture.store.update(&[todo.id], &clear, None, now()).unwrap()[0].due, None);
}

fn an_edit_changes_all_or_none_and_is_taken_back_as_one(fixture: &Fixture) {
    let add = |title: &str, tag: &str| {
        let todo = NewTodo { tags: vec![tag.into()], project: Some(tag.into()), ..new(title) };
        fixture.store.create(&todo, None, now()).unwrap().id
    };
    let ids = [add("one", "home"), add("two", "work")];
    let listed = || fixture.store.get(&ids).unwrap();
    let before = listed();
    let edit = Edit {
        project: Some(Some("moved".into())),
        add_tags: vec!["new".into()],
        remove_tags: vec!["home".into()],
        ..Edit::default()
    };
    let error = fixture.store.update(&[ids[0], 99, ids[1]], &edit, None, now()).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { ref ids, .. } if ids == &[99]), "{error}");
    assert_eq!(listed(), before);

    let edited = fixture.store.update(&ids, &edit, None, now()).unwrap();
    let tags: Vec<_> = edited.iter().map(|todo| todo.tags.join(" ")).collect();
    assert_eq!(tags, ["new", "new work"]);
    assert!(edited.iter().all(|todo| todo.project.as_deref() == Some("moved") && todo.version == 2));

    assert_eq!(fixture.store.undo(now()).unwrap().unwrap().todos.len(), 2);
    for (todo, before) in listed().iter().zip(&before) {
        assert_eq!((&todo.project, &todo.tags), (&before.project, &before.tags));
    }
}

fn notes_are_kept_found_and_taken_back(fixture: &Fixture) {
    let id = fixture.add("one").id;
    fixture.add("two");
    let later = now().checked_add(1.hours()).unwrap();
    fixture.store.note(id, "ask \"Zoë\",\nshe knows", now()).unwrap();
    let noted = fixture.store.note(id, "asked", later).unwrap();
    let note = |at, text: &str| Note { at, text: text.into() };
    assert_eq!(noted.notes, [note(now(), "ask \"Zoë\",\nshe knows"), note(later, "asked")]);
    assert_eq!((noted.version, noted.updated_at), (3, later));
    assert_eq!(fixture.store.get(&[id]).unwrap(), std::slice::from_ref(&noted));
    for word in ["SHE knows one", "ZOË"] {
        let found = fixture.store.list(&Filter { text: Some(word.into()), ..Filter::default() }).unwrap();
        assert_eq!(found, std::slice::from_ref(&noted), "{word}");
    }
    assert!(matches!(fixture.store.note(99, "x", now()), Err(StoreError::NotFound { .. })));

    fixture.store.complete(&[id], later).unwrap();
    fixture.store.undo(later).unwrap();
    assert_eq!(fixture.store.get(&[id]).unwrap()[0].notes, noted.notes, "another change leaves them alone");
    assert_eq!(fixture.store.undo(later).unwrap().unwrap().operation, "note");
    assert_eq!(fixture.store.get(&[id]).unwrap()[0].notes, noted.notes[..1]);

    let imported = NewTodo { notes: noted.notes.clone(), ..new("imported") };
    fixture.store.import(&[Imported { todo: imported, done: false }], now()).unwrap();
    let all = fixture.store.list(&Filter { sort: Sort::Id, ..Filter::default() }).unwrap();
    assert_eq!(all[2].notes, noted.notes);
}

fn accepting_changes_the_todo_and_decides_once(fixture: &Fixture) {
    let todo = fixture.add("one");
    let values = [
        SuggestionValue::Priority(Priority::High),
        SuggestionValue::Tags(vec!["home".into()]),
        SuggestionValue::Estimate(15),
    ];
    let offered = fixture.suggest(&todo, &values);
    assert_eq!(offered.len(), 3);
    assert_eq!(fixture.store.get(&[todo.id]).unwrap()[0].version, 1, "suggesting changes nothing");

    let choice = Choice::Todo { id: todo.id, field: Some(Field::Priority) };
    let (changed, accepted) = fixture.store.accept(&choice, now()).unwrap();
    assert_eq!((changed[0].priority, changed[0].version, accepted.len()), (Some(Priority::High), 2, 1));

    let error = fixture.store.accept(&Choice::Ids(vec![offered[1].id, accepted[0].id]), now()).unwrap_err();
    assert!(matches!(error, StoreError::NotPending { status: "accepted", .. }), "{error}");
    assert!(fixture.store.get(&[todo.id]).unwrap()[0].tags.is_empty(), "all or none");

    let rejected = fixture.store.reject(&Choice::Ids(vec![offered[2].id]), now()).unwrap();
    assert_eq!(rejected[0].status, SuggestionStatus::Rejected);
    let pending = fixture.store.suggestions(Some(todo.id), true, now()).unwrap();
    assert_eq!(pending.iter().map(|suggestion| suggestion.id).collect::<Vec<_>>(), [offered[1].id]);
}

fn suggestions_expire_when_they_are_overtaken(fixture: &Fixture) {
    let values = [SuggestionValue::Priority(Priority::High), SuggestionValue::Estimate(15)];
    let pending = |todo: &Todo, at: Timestamp| fixture.store.suggestions(Some(todo.id), true, at).unwrap().len();

    let edited = fixture.add("edited by hand");
    fixture.suggest(&edited, &values);
    let by_hand = Edit { priority: Some(Some(Priority::Low)), ..Edit::default() };
    fixture.store.update(&[edited.id], &by_hand, None, now()).unwrap();
    assert_eq!(pending(&edited, now()), 1, "only the field that was edited");

    let newer = fixture.add("enriched again");
    let old = fixture.suggest(&newer, &values);
    fixture.suggest(&newer, &values[..1]);
    assert_eq!(pending(&newer, now()), 1);
    let error = fixture.store.accept(&Choice::Ids(vec![old[1].id]), now()).unwrap_err();
    assert!(matches!(error, StoreError::NotPending { status: "expired", .. }));

    let done = fixture.add("completed");
    fixture.suggest(&done, &values);
    fixture.store.complete(&[done.id], now()).unwrap();
    assert_eq!(pending(&done, now()), 0);

    let old = fixture.add("left lying");
    let left = fixture.suggest(&old, &values);
    let later = now().checked_add((31 * 24).hours()).unwrap();
    assert_eq!(pending(&old, later), 0);
    assert!(fixture.store.accept(&Choice::Ids(vec![left[0].id]), later).is_err());
    assert_eq!(fixture.store.expire_suggestions(later).unwrap(), 4, "two of this, one each of the first two");
}

fn a_job_is_leased_to_one_worker_and_a_late_one_changes_nothing(fixture: &Fixture) {
    let job =
        NewJob { key: "k".into(), context: TraceContext { traceparent: Some("00-x".into()), ..Default::default() } };
    let todo = fixture.store.create(&new("one"), Some(&job), now()).unwrap();
    assert!(!fixture.store.enqueue(todo.id, &job, now()).unwrap(), "the same key is the same job");

    let lease = Duration::from_secs(60);
    let first = fixture.store.claim_jobs("a", 8, lease, now()).unwrap();
    assert_eq!((first.len(), first[0].attempt, &first[0].context), (1, 1, &job.context));
    assert!(fixture.store.claim_jobs("b", 8, lease, now()).unwrap().is_empty());

    let later = now().checked_add(61.seconds()).unwrap();
    let second = fixture.store.claim_jobs("b", 8, lease, later).unwrap();
    assert_eq!((second.len(), second[0].attempt), (1, 2), "the lease ran out");
    let done = JobOutcome::Done(enrichment(&todo, &[SuggestionValue::Estimate(5)]));
    assert_eq!(fixture.store.finish_job(&first[0], &done, later).unwrap(), None);
    assert!(fixture.store.suggestions(Some(todo.id), true, later).unwrap().is_empty());
    assert_eq!(fixture.store.finish_job(&second[0], &done, later).unwrap().unwrap().len(), 1);
    assert!(fixture.store.claim_jobs("b", 8, lease, later).unwrap().is_empty());
}

fn a_failing_job_waits_longer_each_time_and_is_buried_after_five_attempts(fixture: &Fixture) {
    let job = NewJob { key: "k".into(), ..NewJob::default() };
    fixture.store.create(&new("one"), Some(&job), now()).unwrap();
    let mut at = now();
    let failed = JobOutcome::Failed { error: "429".into(), retry: true, pause: None };
    for attempt in 1..=5 {
        let leased = fixture.store.claim_jobs("a", 1, Duration::from_secs(60), at).unwrap();
        assert_eq!(leased[0].attempt, attempt);
        fixture.store.finish_job(&leased[0], &failed, at).unwrap();
        assert!(fixture.store.claim_jobs("a", 1, Duration::from_secs(60), at).unwrap().is_empty(), "it waits");
        at = at.checked_add(1.hours()).unwrap();
    }
    assert!(fixture.store.claim_jobs("a", 1, Duration::from_secs(60), at).unwrap().is_empty());
    assert_eq!(ask(&fixture.store, "SELECT state || ' ' || last_error AS text FROM jobs"), "dead 429");
}

fn a_released_job_has_not_been_tried_and_a_job_of_a_deleted_todo_ends(fixture: &Fixture) {
    let job = |key: &str| NewJob { key: key.into(), ..NewJob::default() };
    fixture.store.create(&new("one"), Some(&job("1")), now()).unwrap();
    let gone = fixture.store.create(&new("two"), Some(&job("2")), now()).unwrap();
    fixture.store.delete(&[gone.id], now()).unwrap();
    let lease = Duration::from_secs(60);
    let leased = fixture.store.claim_jobs("a", 8, lease, now()).unwrap();
    assert_eq!(leased.len(), 1);
    fixture.store.finish_job(&leased[0], &JobOutcome::Released, now()).unwrap();
    assert_eq!(fixture.store.claim_jobs("a", 8, lease, now()).unwrap()[0].attempt, 1);
}

fn stats_count_the_list(fixture: &Fixture) {
    let late = NewTodo { due: Some(date(2026, 11, 1)), tags: vec!["a".into()], ..new("late") };
    fixture.store.create(&late, None, now()).unwrap();
    let home = NewTodo { project: Some("home".into()), priority: Some(Priority::High), ..new("home") };
    fixture.store.create(&home, None, now()).unwrap();
    let done = fixture.add("done");
    fixture.store.complete(&[done.id], now()).unwrap();
    let day = date(2026, 11, 22);
    let start = "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
    let stats = fixture.store.stats(day, &[(day, start)], start + 86_400_000).unwrap();
    assert_eq!((stats.open, stats.done, stats.overdue), (2, 1, 1));
    assert_eq!(stats.by_priority, [1, 0, 0, 1]);
    assert_eq!(stats.by_project, [("home".to_owned(), 1)]);
    assert_eq!(stats.by_tag, [("a".to_owned(), 1)]);
    assert_eq!(stats.completed_by_day, [(day, 1)]);
}

fn every_change_can_be_taken_back_newest_first(fixture: &Fixture) {
    let todo = fixture.store.create(&NewTodo { tags: vec!["old".into()], ..new("one") }, None, now()).unwrap();
    let offered = fixture.suggest(&todo, &[SuggestionValue::Priority(Priority::High)]);
    fixture.store.accept(&Choice::Ids(vec![offered[0].id]), now()).unwrap();
    let edit = Edit { title: Some("two".into()), remove_tags: vec!["old".into()], ..Edit::default() };
    fixture.store.update(&[todo.id], &edit, None, now()).unwrap();
    fixture.store.complete(&[todo.id], now()).unwrap();
    fixture.store.delete(&[todo.id], now()).unwrap();

    let undo = || fixture.store.undo(now()).unwrap().map(|undone| (undone.operation, undone.todos));
    let (operation, todos) = undo().unwrap();
    assert_eq!((operation.as_str(), todos[0].status), ("delete", Status::Done));
    let (operation, todos) = undo().unwrap();
    assert_eq!((operation.as_str(), todos[0].status, todos[0].completed_at), ("complete", Status::Open, None));
    let (operation, todos) = undo().unwrap();
    assert_eq!(
        (operation.as_str(), todos[0].title.as_str(), todos[0].tags.as_slice()),
        ("edit", "one", &["old".to_owned()][..])
    );
    let (operation, todos) = undo().unwrap();
    assert_eq!((operation.as_str(), todos[0].priority), ("accept", None));
    let (operation, todos) = undo().unwrap();
    assert_eq!((operation.as_str(), todos.len()), ("add", 1));
    assert!(fixture.store.list(&Filter { status: StatusFilter::All, ..Filter::default() }).unwrap().is_empty());
    assert_eq!(undo(), None);
}

fn deleted_todos_go_for_good_after_a_month(fixture: &Fixture) {
    let (gone, kept) = (fixture.add("gone"), fixture.add("kept"));
    fixture.store.delete(&[gone.id], now()).unwrap();
    assert_eq!(fixture.store.clean_up(now()).unwrap(), 0);
    let later = now().checked_add((31 * 24).hours()).unwrap();
    assert_eq!(fixture.store.clean_up(later).unwrap(), 1);
    assert_eq!(fixture.store.get(&[kept.id]).unwrap().len(), 1);
    assert_eq!(fixture.store.undo(later).unwrap(), None, "nothing is left to take back");
}

fn a_job_is_kept_as_long_as_its_lease_is_renewed(fixture: &Fixture) {
    let job = NewJob { key: "k".into(), ..NewJob::default() };
    fixture.store.create(&new("one"), Some(&job), now()).unwrap();
    let (lease, at) = (Duration::from_secs(60), |seconds: i64| now().checked_add(seconds.seconds()).unwrap());
    let leased = fixture.store.claim_jobs("a", 1, lease, now()).unwrap();
    assert!(fixture.store.renew_job(&leased[0], lease, at(50)).unwrap());
    assert!(fixture.store.claim_jobs("b", 1, lease, at(100)).unwrap().is_empty(), "renewed until 110");
    assert_eq!(fixture.store.claim_jobs("b", 1, lease, at(111)).unwrap().len(), 1);
    assert!(!fixture.store.renew_job(&leased[0], lease, at(112)).unwrap(), "it is another worker's");
}

fn an_overdue_todo_is_taken_once_for_each_day_it_was_due(fixture: &Fixture) {
    let late = fixture.store.create(&NewTodo { due: Some(date(2026, 11, 1)), ..new("late") }, None, now()).unwrap();
    fixture.store.create(&NewTodo { due: Some(date(2026, 11, 22)), ..new("today") }, None, now()).unwrap();
    let done = fixture.store.create(&NewTodo { due: Some(date(2026, 11, 1)), ..new("done") }, None, now()).unwrap();
    fixture.store.complete(&[done.id], now()).unwrap();
    let today = date(2026, 11, 22);
    assert_eq!(fixture.store.take_overdue(today).unwrap(), [late.id]);
    assert_eq!(fixture.store.take_overdue(today).unwrap(), [0_i64; 0]);
    let put_off = Edit { due: Some(Some(date(2026, 11, 21))), ..Edit::default() };
    fixture.store.update(&[late.id], &put_off, None, now()).unwrap();
    assert_eq!(fixture.store.take_overdue(today).unwrap(), [late.id], "missed again");
}

fn an_import_adds_what_is_new_in_a_few_statements(fixture: &Fixture) {
    let known = fixture.add("known");
    let tagged = |number: usize| NewTodo { tags: vec!["imported".into()], ..new(&format!("number {number}")) };
    let mut imported: Vec<_> = (0..600).map(|number| Imported { todo: tagged(number), done: number == 0 }).collect();
    imported[7].todo.uuid = known.uuid;
    let telemetry = testing::capture();
    assert_eq!(fixture.store.import(&imported, now()).unwrap(), 599);
    assert_eq!(fixture.store.import(&imported, now()).unwrap(), 0, "all are known now");
    let statements: i64 = attribute(&telemetry, "db.todo.create", "db.statements").parse().unwrap();
    assert!(statements < 20, "{statements}");
    let all = Filter { tags: vec!["imported".into()], status: StatusFilter::All, ..Filter::default() };
    assert_eq!(fixture.store.list(&all).unwrap().len(), 599);
    assert_eq!(fixture.store.stats(date(2026, 11, 22), &[], 0).unwrap().done, 1);
    assert_eq!(fixture.store.undo(now()).unwrap().unwrap().todos.len(), 599);
}

/// An attribute of the first span with this name, as text; `key` without the name of the program in front.
#[track_caller]
fn attribute(telemetry: &testing::Capture, span: &str, key: &str) -> String {
    let spans = telemetry.spans();
    let span = spans.iter().find(|known| known.name == span).unwrap_or_else(|| panic!("no {span}"));
    let found = span.attributes.iter().rfind(|known| known.key.as_str().ends_with(key));
    found.unwrap_or_else(|| panic!("no {key} in {:?}", span.attributes)).value.to_string()
}

fn a_span_says_what_was_asked_of_which_database(fixture: &Fixture) {
    let telemetry = testing::capture();
    let todo = fixture.store.create(&NewTodo { tags: vec!["hush".into()], ..new("a secret") }, None, now()).unwrap();
    fixture.store.get(&[todo.id, todo.id]).unwrap();
    let said = |span: &str, key: &str| attribute(&telemetry, span, key);
    assert_eq!(said("db.todo.create", "db.system.name"), fixture.store.system());
    assert_eq!(said("db.todo.create", "db.query.summary"), "INSERT todos", "what the call site says stays");
    let text = said("db.todo.create", "db.query.text");
    assert!(text.contains("INSERT INTO ") && text.contains("; ") && text.contains("todo_tags"), "{text}");
    assert!(!text.contains("secret") && !text.contains("hush") && !text.contains("binds"), "{text}");
    assert!(said("db.todo.create", "db.statements").parse::<i64>().unwrap() >= 4);
    assert_eq!(said("db.todo.get", "db.statements"), "1");
    assert_eq!(said("db.todo.get", "db.response.returned_rows"), "1");
    match fixture.store.path() {
        Some(_) => assert_eq!(said("db.todo.get", "db.namespace"), "todo"),
        None => {
            let namespace = said("db.todo.get", "db.namespace");
            assert!(namespace.starts_with("todo_") && namespace.ends_with("|public"), "{namespace}");
            assert_eq!(said("db.todo.get", "server.address"), "127.0.0.1");
            assert!(said("db.todo.get", "server.port").parse::<u16>().unwrap() > 0);
        }
    }
    let tree = telemetry.tree();
    assert!(!tree.contains("unused-secret"), "{tree}");
}

fn a_statement_in_a_loop_is_warned_of_once(fixture: &Fixture) {
    #[traced(name = "test.loop")]
    fn ask(store: &Store, id: i64, times: usize) {
        for _ in 0..times {
            store.get(&[id]).unwrap();
        }
    }
    let id = fixture.add("one").id;
    for (times, warnings) in [(5, 0), (6, 1), (20, 1)] {
        let telemetry = testing::capture();
        ask(&fixture.store, id, times);
        let logs = telemetry.logs_text();
        assert_eq!(logs.matches("WARN db.todo.get: the same statement").count(), warnings, "{times}: {logs}");
    }
}
