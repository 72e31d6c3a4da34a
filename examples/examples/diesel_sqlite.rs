//! A database with diesel: `#[db_span]` gives the client span and `db.client.operation.duration` of the conventions.
//! `cargo run -p todo-otel-examples --example diesel_sqlite`

use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};
use todo_otel_runtime::{Config, ErrorClass, Role, config::Flags, db_span, traced};

use schema::orders;

mod schema {
    diesel::table! {
        orders (id) {
            id -> Integer,
            item -> Text,
        }
    }
}

#[derive(Debug, ErrorClass)]
enum StoreError {
    #[error_class("already_there", expected, status = "2067")]
    AlreadyThere,
    #[error_class("database")]
    #[expect(dead_code, reason = "people read it through `Debug`")]
    Database(DieselError),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => StoreError::AlreadyThere,
            error => StoreError::Database(error),
        }
    }
}

struct Store {
    connection: SqliteConnection,
}

impl Store {
    #[db_span(system = sqlite, operation = "INSERT", collection = "orders", attributes(order.id = order))]
    fn insert(&mut self, order: i32, text: &str) -> Result<(), StoreError> {
        let row = (orders::id.eq(order), orders::item.eq(text));
        diesel::insert_into(orders::table).values(row).execute(&mut self.connection)?;
        Ok(())
    }

    #[db_span(
        system = sqlite, operation = "SELECT", collection = "orders",
        query = "SELECT item FROM orders ORDER BY id", output(db.response.returned_rows = |items| items.len())
    )]
    fn items(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(orders::table.order(orders::id).select(orders::item).load(&mut self.connection)?)
    }
}

#[traced(name = "shop.stock_up")]
fn stock_up(store: &mut Store) -> Result<Vec<String>, StoreError> {
    store.insert(1, "milk")?;
    store.insert(2, "bread")?;
    println!("again: {:?}", store.insert(2, "bread"));
    store.items()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    let mut connection = SqliteConnection::establish(":memory:")?;
    diesel::sql_query("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)").execute(&mut connection)?;
    println!("{:?}", stock_up(&mut Store { connection }));
    telemetry.shutdown();
    Ok(())
}
