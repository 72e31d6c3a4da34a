//! Tables as diesel sees them.

diesel::table! {
    todos (id) {
        id -> BigInt,
        uuid -> Text,
        title -> Text,
        description -> Nullable<Text>,
        status -> Text,
        priority -> Nullable<Integer>,
        project -> Nullable<Text>,
        category -> Nullable<Text>,
        due -> Nullable<Text>,
        estimate_minutes -> Nullable<Integer>,
        next_step -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        completed_at -> Nullable<BigInt>,
        version -> BigInt,
        reminded_for -> Nullable<Text>,
    }
}

diesel::table! {
    todo_tags (todo_id, tag) {
        todo_id -> BigInt,
        tag -> Text,
    }
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        todo_id -> BigInt,
        at -> BigInt,
        text -> Text,
    }
}

diesel::table! {
    enrichments (id) {
        id -> BigInt,
        todo_id -> BigInt,
        todo_version -> BigInt,
        provider -> Text,
        model -> Text,
        mode -> Text,
        confidence -> Double,
        attempts -> Integer,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

diesel::table! {
    suggestions (id) {
        id -> BigInt,
        todo_id -> BigInt,
        enrichment_id -> BigInt,
        field -> Text,
        value -> Text,
        confidence -> Double,
        reason -> Text,
        status -> Text,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        job_key -> Text,
        todo_id -> BigInt,
        state -> Text,
        attempt -> Integer,
        run_at -> BigInt,
        lease_until -> Nullable<BigInt>,
        owner -> Nullable<Text>,
        last_error -> Nullable<Text>,
        traceparent -> Nullable<Text>,
        tracestate -> Nullable<Text>,
        baggage -> Nullable<Text>,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    provider_state (provider) {
        provider -> Text,
        state -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    journal (id) {
        id -> BigInt,
        operation -> Text,
        at -> BigInt,
        undone_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    journal_todos (journal_id, todo_id) {
        journal_id -> BigInt,
        todo_id -> BigInt,
        before -> Nullable<Text>,
    }
}

diesel::joinable!(todo_tags -> todos (todo_id));
diesel::joinable!(suggestions -> enrichments (enrichment_id));
diesel::allow_tables_to_appear_in_same_query!(todos, todo_tags, enrichments, suggestions);
