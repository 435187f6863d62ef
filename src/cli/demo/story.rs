//! The merges in the demo: its initial history, and what your colleagues merge while you watch.

/// Who wrote a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    Moira,
    Sam,
    Raj,
    Bot,
    You,
}

/// One merge to the trunk.
#[derive(Debug, Clone, Copy)]
pub struct Merge {
    pub author: Author,
    pub with: Option<Author>,
    pub subject: &'static str,
    /// The file that it changes.
    pub path: &'static str,
    /// The new contents of the file; `None` writes the subject and the version.
    pub text: Option<&'static str>,
    /// The next merge waits until this build was in staging for the soak that the service asks for.
    pub soaks: bool,
}

const PRICES: &str = include_str!("../../../assets/demo/prices.csv");
const BROKEN_PRICES: &str = include_str!("../../../assets/demo/prices-broken.csv");

/// The code in the three phases of one schema change: uses the old column, writes both columns, uses the new one.
const OLD_TOTAL: &str = "export const list = \"SELECT id, legacy_total FROM orders ORDER BY id\";
export const add = \"INSERT INTO orders (legacy_total) VALUES (?1)\";
";
const BOTH_TOTALS: &str = "export const list = \"SELECT id, legacy_total FROM orders ORDER BY id\";
export const add = \"INSERT INTO orders (legacy_total, total) VALUES (?1, ?1)\";
";
const NEW_TOTAL: &str = "export const list = \"SELECT id, total FROM orders ORDER BY id\";
export const add = \"INSERT INTO orders (total) VALUES (?1)\";
";

const fn merge(author: Author, subject: &'static str, path: &'static str) -> Merge {
    Merge { author, with: None, subject, path, text: None, soaks: false }
}

impl Merge {
    const fn with(self, with: Author) -> Self {
        Self { with: Some(with), ..self }
    }

    const fn text(self, text: &'static str) -> Self {
        Self { text: Some(text), ..self }
    }

    const fn soaks(self) -> Self {
        Self { soaks: true, ..self }
    }
}

use Author::{Bot, Moira, Raj, Sam, You};

/// The initial history, oldest first. Its last build is the first to go live.
pub const HISTORY: &[Merge] = &[
    merge(Sam, "feat: a cart that survives a reload", "app/cart.js"),
    merge(Moira, "feat: pay by card", "app/payment.js"),
    merge(Sam, "feat: orders have a table of their own", "migrations/0001_orders.sql")
        .text("CREATE TABLE orders (id INTEGER PRIMARY KEY, legacy_total NUMERIC);\n"),
    merge(Raj, "feat: price list from the roastery", "app/prices.csv").text(PRICES),
    merge(Bot, "chore: bump left-pad from 1.3.0 to 1.3.1", "app/packages.json"),
    merge(Moira, "fix: a retried payment is charged once", "app/payment.js").with(Sam),
    merge(You, "docs: how to run the shop on a laptop", "docs/running.md"),
    merge(Raj, "perf: one query for the whole order list", "app/orders.js").text(OLD_TOTAL),
    merge(Sam, "feat: totals per line", "migrations/0002_line_totals.sql")
        .text("ALTER TABLE orders ADD COLUMN total NUMERIC;\n"),
    merge(Moira, "feat: refunds", "app/refunds.js"),
    merge(Bot, "chore: bump tls from 5.0.2 to 5.0.4", "app/packages.json"),
    merge(Raj, "fix: time zones in delivery slots", "app/delivery.js"),
    merge(You, "feat: loyalty points at the counter", "app/loyalty.js"),
    merge(Sam, "fix: rounding of half cents", "app/cart.js").with(Raj),
    merge(Moira, "feat: invoices as PDF", "app/invoice.js"),
    merge(Raj, "feat: orders keep both of their totals", "app/orders.js").text(BOTH_TOTALS),
    merge(Sam, "feat: old orders have the new total too", "migrations/0003_fill_total.sql")
        .text("UPDATE orders SET total = legacy_total WHERE total IS NULL;\n"),
    merge(Moira, "fix: an empty cart cannot be paid", "app/cart.js"),
];

/// The merges while the demo opens, in order. The first one also goes live.
pub const OPENING: &[Merge] = &[
    merge(Raj, "feat: gift cards", "app/gifts.js"),
    merge(Moira, "fix: retry the payment webhook on 5xx", "app/webhook.js"),
    merge(Raj, "perf: cache the price list", "app/prices.csv").text(BROKEN_PRICES),
    merge(Moira, "fix: load prices before they are cached", "app/prices.csv")
        .with(Raj)
        .text(PRICES),
    merge(Sam, "refactor: orders have one total", "app/orders.js").text(NEW_TOTAL).soaks(),
    merge(You, "feat: free delivery above 50", "app/delivery.js").soaks(),
    // Too early on purpose: the code without the old column is not live yet.
    merge(
        Sam,
        "refactor: drop orders.legacy_total, nothing reads it",
        "migrations/0004_drop_legacy_total.sql",
    )
    .text("ALTER TABLE orders DROP COLUMN legacy_total;\n"),
];

/// The merges after the opening, repeated in this order.
pub const EVERYDAY: &[Merge] = &[
    merge(Moira, "feat: bulk refunds", "app/refunds.js"),
    merge(Sam, "fix: the cart badge counts quantities", "app/cart.js"),
    merge(Bot, "chore: bump tls from 5.0.4 to 5.0.5", "app/packages.json"),
    merge(Raj, "perf: thumbnails are made once", "app/images.js"),
    merge(Moira, "fix: an invoice names the right country", "app/invoice.js").with(Sam),
    merge(Sam, "feat: pick up at the counter", "app/delivery.js"),
    merge(Raj, "refactor: one place for feature flags", "app/flags.js"),
    merge(Moira, "docs: what to do when payments fail", "docs/payments.md"),
];
