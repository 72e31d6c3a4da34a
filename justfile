# The main job: build, add a todo, show its span tree.
run:
    cargo run -- --trace add "Buy milk tomorrow"

test:
    cargo test --workspace

ci:
    .ci/run

# Ours beside the alternatives; the table of the README.
compare:
    cargo run --release -p todo-otel-benches --bin compare
