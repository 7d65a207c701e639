//! The tables, for every backend. The migrations are their definition; this must agree with them.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text};
    use crate::sql_types::sql::{Id, JsonDoc, Ts};

    flow_runs (id) {
        id -> Id,
        user_id -> Nullable<Id>,
        flow_name -> Text,
        status -> Text,
        execution_mode -> Text,
        current_step -> Nullable<Text>,
        step_progress -> Integer,
        total_steps -> Nullable<Integer>,
        progress_percentage -> Double,
        created_at -> Ts,
        started_at -> Nullable<Ts>,
        completed_at -> Nullable<Ts>,
        last_heartbeat -> Nullable<Ts>,
        total_tokens -> BigInt,
        total_cost -> Double,
        execution_time_ms -> Nullable<BigInt>,
        inputs -> JsonDoc,
        outputs -> Nullable<JsonDoc>,
        flow_metadata -> Nullable<JsonDoc>,
        error_message -> Nullable<Text>,
        root_run_id -> Id,
        parent_run_id -> Nullable<Id>,
        flow_version -> Integer,
        build -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        priority -> Integer,
        start_at -> Nullable<Ts>,
        lease_owner -> Nullable<Text>,
        lease_epoch -> BigInt,
        lease_until -> Nullable<Ts>,
        unpriced_requests -> BigInt,
        scope -> Nullable<Text>,
        wake_at -> Nullable<Ts>,
        takeovers -> Integer,
        takeover_steps -> Integer,
        opened_epoch -> Nullable<BigInt>,
        pause_requested -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text};
    use crate::sql_types::sql::{Id, JsonDoc, Ts};

    flow_step_runs (id) {
        id -> Id,
        flow_run_id -> Id,
        llm_request_id -> Nullable<Id>,
        step_name -> Text,
        step_order -> Integer,
        status -> Text,
        inputs -> JsonDoc,
        outputs -> Nullable<JsonDoc>,
        step_metadata -> Nullable<JsonDoc>,
        tokens_used -> BigInt,
        cost_estimate -> Nullable<Double>,
        execution_time_ms -> Nullable<BigInt>,
        error_message -> Nullable<Text>,
        created_at -> Ts,
        completed_at -> Nullable<Ts>,
        kind -> Text,
        call_key -> Nullable<Text>,
        key_algorithm -> Nullable<Text>,
        content_hash -> Nullable<Text>,
        schema_hash -> Nullable<Text>,
        code_hash -> Nullable<Text>,
        scope -> Nullable<Text>,
        miss_reason -> Nullable<Text>,
        hit_note -> Nullable<Text>,
        compared_with -> Nullable<Id>,
        origin_run_id -> Nullable<Id>,
        cache_key -> Nullable<Text>,
        previous_key -> Nullable<Text>,
        once_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::sql_types::sql::{Id, JsonDoc, Ts};

    llm_requests (id) {
        id -> Id,
        flow_run_id -> Id,
        step_run_id -> Nullable<Id>,
        attempt -> Integer,
        status -> Text,
        provider -> Text,
        model -> Text,
        model_served -> Nullable<Text>,
        operation -> Text,
        prompt_id -> Nullable<Text>,
        schema_hash -> Nullable<Text>,
        request -> Nullable<JsonDoc>,
        response -> Nullable<Text>,
        finish_reason -> Nullable<Text>,
        input_tokens -> Nullable<BigInt>,
        cached_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        reasoning_tokens -> Nullable<BigInt>,
        cost_nano_usd -> Nullable<BigInt>,
        price_version -> Nullable<Text>,
        latency_ms -> Nullable<BigInt>,
        http_status -> Nullable<Integer>,
        provider_request_id -> Nullable<Text>,
        error_kind -> Nullable<Text>,
        error_message -> Nullable<Text>,
        created_at -> Ts,
        completed_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::sql_types::sql::Id;

    flow_forks (run_id) {
        run_id -> Id,
        forked_from -> Id,
        from_step -> Nullable<Text>,
        model -> Nullable<Text>,
        inherited_model -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::sql_types::sql::{Id, JsonDoc, Ts};

    flow_signals (id) {
        id -> Id,
        root_run_id -> Id,
        name -> Text,
        payload -> JsonDoc,
        created_at -> Ts,
        taken_by -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::sql_types::sql::Id;

    // diesel asks for a key; the rows of deleted runs have none.
    run_artifacts (run_id, artifact) {
        run_id -> Nullable<Id>,
        artifact -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::sql_types::sql::Ts;

    flow_schedules (flow_name) {
        flow_name -> Text,
        begun_at -> Ts,
        last_tick -> Nullable<Ts>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(flow_runs, flow_step_runs, llm_requests);
