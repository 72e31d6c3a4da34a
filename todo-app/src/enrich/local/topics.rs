//! What the nouns of a title say: subject, tag, and for events how long they take.

use Category::*;

/// Subjects a todo can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Category {
    Shopping,
    Finance,
    Health,
    Home,
    Errands,
    Work,
    Development,
    Communication,
    Travel,
    Learning,
    Social,
    Paperwork,
    Leisure,
}

impl Category {
    pub const fn as_str(self) -> &'static str {
        match self {
            Shopping => "shopping",
            Finance => "finance",
            Health => "health",
            Home => "home",
            Errands => "errands",
            Work => "work",
            Development => "development",
            Communication => "communication",
            Travel => "travel",
            Learning => "learning",
            Social => "social",
            Paperwork => "paperwork",
            Leisure => "leisure",
        }
    }
}

/// A word or a few, singular, lower case.
pub(super) struct Topic {
    pub phrase: &'static str,
    pub category: Category,
    /// 1 hints, 2 says, 3 decides.
    pub weight: u8,
    /// Empty: no tag.
    pub tag: &'static str,
    /// Minutes of an event of this name; 0: not an event.
    pub minutes: u32,
}

const fn t(phrase: &'static str, category: Category, weight: u8, tag: &'static str) -> Topic {
    Topic { phrase, category, weight, tag, minutes: 0 }
}

const fn event(phrase: &'static str, category: Category, weight: u8, tag: &'static str, minutes: u32) -> Topic {
    Topic { phrase, category, weight, tag, minutes }
}

#[rustfmt::skip]
pub(super) static TOPICS: &[Topic] = &[
    // Shopping
    t("milk", Shopping, 2, "groceries"), t("egg", Shopping, 2, "groceries"), t("bread", Shopping, 2, "groceries"),
    t("butter", Shopping, 2, "groceries"), t("cheese", Shopping, 2, "groceries"), t("fruit", Shopping, 2, "groceries"),
    t("vegetable", Shopping, 2, "groceries"), t("coffee beans", Shopping, 2, "groceries"), t("rice", Shopping, 2, "groceries"),
    t("toilet paper", Shopping, 2, "groceries"), t("detergent", Shopping, 2, "groceries"), t("snack", Shopping, 2, "groceries"),
    t("toothpaste", Shopping, 2, "groceries"), t("shampoo", Shopping, 2, "groceries"), t("wine", Shopping, 2, "groceries"),
    event("grocery shopping", Shopping, 3, "groceries", 60), event("groceries", Shopping, 3, "groceries", 45),
    event("shopping", Shopping, 3, "shopping", 60), t("ink", Shopping, 1, "office"), t("battery", Shopping, 1, "household"),
    t("gift", Shopping, 2, "gift"), t("present", Shopping, 2, "gift"), t("flower", Shopping, 1, "flowers"),
    t("shoe", Shopping, 1, "clothes"), t("clothes", Shopping, 1, "clothes"), t("jacket", Shopping, 1, "clothes"),
    t("pizza", Shopping, 1, "food"), t("supermarket", Shopping, 2, "groceries"),
    // Finance
    t("rent", Finance, 3, "bills"), t("bill", Finance, 3, "bills"), t("invoice", Finance, 3, "invoice"), t("tax", Finance, 3, "taxes"),
    t("tax return", Finance, 3, "taxes"), t("tax office", Finance, 3, "taxes"), t("bank", Finance, 3, "bank"), t("saving", Finance, 3, "savings"),
    t("budget", Finance, 3, "budget"), t("expense", Finance, 3, "expenses"), t("expense report", Finance, 4, "expenses"), t("receipt", Finance, 2, "receipts"),
    t("credit card", Finance, 3, "bank"), t("mortgage", Finance, 3, "mortgage"), t("loan", Finance, 3, "bank"), t("salary", Finance, 2, "salary"),
    t("euro", Finance, 1, "money"), t("dollar", Finance, 1, "money"), t("money", Finance, 2, "money"), t("cash", Finance, 2, "cash"),
    t("atm", Finance, 2, "bank"), t("investment", Finance, 3, "investment"), t("stock", Finance, 1, "investment"), t("pension", Finance, 3, "pension"),
    t("accountant", Finance, 3, "taxes"), t("electricity", Finance, 1, "household"), t("subscription", Finance, 2, "subscription"),
    t("netflix", Finance, 1, "subscription"), t("spotify", Finance, 1, "subscription"), t("payment", Finance, 2, "payment"),
    t("donation", Finance, 2, "donation"), t("refund", Finance, 3, "refund"), t("fine", Finance, 2, "bills"),
    // Health
    event("dentist", Health, 4, "health", 60), event("doctor", Health, 4, "health", 60), event("dr", Health, 3, "health", 60), event("physical", Health, 3, "health", 60),
    event("physiotherapist", Health, 4, "health", 45), event("therapist", Health, 4, "health", 60), event("therapy", Health, 4, "health", 60),
    event("optician", Health, 4, "health", 45), event("eye test", Health, 4, "health", 45), event("check up", Health, 3, "health", 45), event("checkup", Health, 3, "health", 45),
    t("hospital", Health, 3, "health"), t("clinic", Health, 3, "health"), t("pharmacy", Health, 4, "health"), t("prescription", Health, 4, "medication"),
    t("pill", Health, 3, "medication"), t("medication", Health, 4, "medication"), t("medicine", Health, 4, "medication"), t("vitamin", Health, 3, "medication"),
    event("flu shot", Health, 4, "vaccination", 30), event("vaccination", Health, 4, "vaccination", 30), event("vaccine", Health, 4, "vaccination", 30),
    event("blood test", Health, 4, "health", 30), t("blood pressure", Health, 3, "health"), event("gym", Health, 3, "fitness", 75), event("workout", Health, 4, "fitness", 45),
    event("exercise", Health, 3, "fitness", 45), event("yoga", Health, 4, "fitness", 60), event("pilates", Health, 4, "fitness", 60), event("jog", Health, 4, "running", 40),
    t("marathon", Health, 3, "running"), t("5k", Health, 3, "running"), t("10k", Health, 3, "running"), event("haircut", Health, 3, "haircut", 45),
    event("massage", Health, 3, "wellbeing", 60), t("sleep", Health, 2, "wellbeing"), t("diet", Health, 2, "food"), t("allergy", Health, 3, "health"),
    t("appointment", Health, 1, "appointment"), t("weight", Health, 1, "fitness"), t("glasses", Health, 2, "health"),
    // Home
    t("kitchen", Home, 3, "home"), t("bathroom", Home, 3, "home"), t("bedroom", Home, 3, "home"), t("living room", Home, 3, "home"), t("garage", Home, 1, "home"),
    t("basement", Home, 3, "home"), t("attic", Home, 3, "home"), t("hallway", Home, 3, "home"), t("closet", Home, 3, "home"), t("wardrobe", Home, 3, "home"),
    t("apartment", Home, 2, "home"), t("flat", Home, 1, "home"), t("house", Home, 2, "home"), t("room", Home, 1, "home"), t("floor", Home, 2, "cleaning"),
    t("window", Home, 2, "home"), t("door", Home, 1, "home"), t("roof", Home, 2, "home"), t("wall", Home, 2, "home"), t("tap", Home, 3, "repair"), t("sink", Home, 3, "repair"),
    t("toilet", Home, 3, "repair"), t("shower", Home, 3, "home"), t("drain", Home, 3, "repair"), t("light bulb", Home, 3, "repair"), t("lamp", Home, 2, "home"),
    t("heater", Home, 3, "repair"), t("heating", Home, 3, "home"), t("boiler", Home, 3, "repair"), t("plumber", Home, 3, "repair"), t("electrician", Home, 3, "repair"),
    t("fridge", Home, 3, "kitchen"), t("freezer", Home, 3, "kitchen"), t("oven", Home, 3, "kitchen"), t("dishwasher", Home, 3, "kitchen"), t("dish", Home, 3, "kitchen"),
    t("washing machine", Home, 3, "laundry"), t("laundry", Home, 4, "laundry"), t("sheet", Home, 2, "laundry"), t("shirt", Home, 2, "laundry"), t("curtain", Home, 3, "home"),
    t("bed", Home, 2, "home"), t("sofa", Home, 2, "furniture"), t("bookshelf", Home, 3, "furniture"), t("shelf", Home, 3, "furniture"), t("furniture", Home, 3, "furniture"),
    t("desk", Home, 2, "furniture"), t("picture", Home, 2, "home"), t("photo", Home, 2, "photos"), t("plant", Home, 3, "plants"), t("garden", Home, 4, "garden"),
    t("lawn", Home, 4, "garden"), t("hedge", Home, 4, "garden"), t("tree", Home, 2, "garden"), t("balcony", Home, 3, "home"), t("fence", Home, 3, "garden"),
    t("tomato", Home, 1, "garden"), t("trash", Home, 4, "chores"), t("garbage", Home, 4, "chores"), t("bin", Home, 3, "chores"), t("recycling", Home, 3, "recycling"),
    t("smoke detector", Home, 2, "safety"), t("dinner", Home, 1, "cooking"), t("lasagna", Home, 1, "food"), event("meal prep", Home, 4, "cooking", 120), t("cake", Home, 1, "food"),
    t("cat", Home, 2, "pets"), t("dog", Home, 2, "pets"), t("pet", Home, 2, "pets"), t("litter", Home, 1, "pets"), t("dog food", Shopping, 2, "pets"), t("cat food", Shopping, 2, "pets"),
    event("vet", Health, 3, "pets", 60), t("wifi", Home, 2, "wifi"), t("router", Home, 2, "wifi"), t("printer", Home, 1, "computer"),
    // Errands
    t("dry cleaning", Errands, 4, "errands"), t("library", Errands, 2, "library"), t("post office", Errands, 4, "post"), t("package", Errands, 3, "post"), t("parcel", Errands, 3, "post"),
    t("stamp", Errands, 2, "post"), t("car", Errands, 2, "car"), t("tyre", Errands, 3, "car"), t("tire", Errands, 3, "car"), t("bike", Errands, 2, "bike"), t("oil change", Errands, 3, "car"),
    t("mechanic", Errands, 3, "car"), t("gas", Errands, 1, "car"), t("key", Errands, 1, "keys"), t("tailor", Errands, 4, "clothes"), t("charity", Errands, 3, "donation"),
    t("school", Errands, 1, "kids"), t("daycare", Errands, 3, "kids"), t("kid", Errands, 1, "kids"), t("kindergarten", Errands, 3, "kids"),
    t("election", Errands, 3, "voting"), t("hardware store", Errands, 3, "errands"), t("store", Errands, 1, "errands"), t("city hall", Errands, 3, "errands"),
    // Work
    event("meeting", Work, 3, "meeting", 45), event("standup", Work, 3, "meeting", 15), event("1 1", Work, 4, "meeting", 30), event("one on one", Work, 4, "meeting", 30),
    event("workshop", Work, 3, "workshop", 180), event("interview", Work, 4, "interview", 60), event("retrospective", Work, 3, "meeting", 60), event("sprint planning", Work, 4, "meeting", 90),
    t("client", Work, 3, "client"), t("customer", Work, 3, "customer"), t("slide", Work, 3, "slides"), t("presentation", Work, 3, "presentation"), t("report", Work, 2, "report"),
    t("agenda", Work, 3, "meeting"), t("minutes", Work, 1, "meeting"), t("proposal", Work, 3, "proposal"), t("roadmap", Work, 4, "planning"), t("okr", Work, 4, "planning"),
    t("deadline", Work, 1, ""), t("manager", Work, 2, "team"), t("boss", Work, 2, "team"), t("team", Work, 2, "team"), t("colleague", Work, 2, "team"), t("hr", Work, 3, "hr"),
    t("recruiter", Work, 3, "job"), t("job", Work, 3, "job"), t("cv", Work, 3, "cv"), t("resume", Work, 3, "cv"), t("cover letter", Work, 3, "job"), t("intern", Work, 3, "onboarding"),
    t("candidate", Work, 3, "hiring"), t("designer", Work, 1, "hiring"), t("performance review", Work, 4, "review"), t("project", Work, 2, "project"), t("stakeholder", Work, 3, "meeting"),
    t("demo", Work, 3, "demo"), t("conference", Work, 2, "conference"), t("talk", Work, 1, "talk"), t("spreadsheet", Work, 2, "spreadsheet"), t("budget review", Work, 3, "budget"),
    t("office", Work, 1, "office"), t("newsletter", Work, 2, "writing"), t("blog post", Work, 3, "writing"), t("article", Work, 1, "writing"), t("marketing", Work, 3, "marketing"),
    t("sales", Work, 3, "sales"), t("vacation request", Work, 3, "hr"), t("timesheet", Work, 4, "timesheet"), t("strategy", Work, 3, "planning"), t("meeting room", Work, 4, "meeting"),
    t("board", Work, 1, "meeting"), t("review", Work, 1, "review"), t("parental leave", Work, 2, "hr"),
    // Development
    t("bug", Development, 4, "bug"), t("login", Development, 2, "login"), t("production", Development, 3, "production"), t("server", Development, 4, "server"), t("staging", Development, 4, "deploy"),
    t("ci", Development, 4, "testing"), t("test", Development, 2, "testing"), t("unit test", Development, 4, "testing"), t("flaky test", Development, 4, "testing"),
    t("integration test", Development, 4, "testing"), t("pull request", Development, 5, "review"), t("pr", Development, 4, "review"), t("branch", Development, 4, "git"), t("release", Development, 3, "release"),
    t("commit", Development, 4, "git"), t("git", Development, 4, "git"), t("github", Development, 4, "github"), t("gitlab", Development, 4, "git"), t("repo", Development, 4, "git"), t("repository", Development, 4, "git"),
    t("api", Development, 4, "api"), t("api key", Development, 5, "security"), t("endpoint", Development, 4, "api"), t("module", Development, 3, "code"), t("parser", Development, 4, "code"),
    t("code", Development, 3, "code"), t("function", Development, 2, "code"), t("library upgrade", Development, 4, "dependencies"), t("dependency", Development, 4, "dependencies"),
    t("database", Development, 4, "database"), t("postgresql", Development, 4, "database"), t("postgres", Development, 4, "database"), t("sqlite", Development, 4, "database"), t("mysql", Development, 4, "database"),
    t("sql", Development, 1, "sql"), t("query", Development, 3, "database"), t("index", Development, 2, "database"), t("migration", Development, 3, "database"), t("schema", Development, 3, "database"),
    t("backup", Development, 2, "backup"), t("memory leak", Development, 4, "bug"), t("crash", Development, 4, "bug"), t("timeout", Development, 4, "bug"), t("latency", Development, 4, "performance"),
    t("worker", Development, 2, "code"), t("service", Development, 1, "code"), t("docker", Development, 4, "docker"), t("kubernetes", Development, 4, "kubernetes"), t("container", Development, 3, "docker"),
    t("grafana", Development, 4, "grafana"), t("dashboard", Development, 3, "monitoring"), t("monitoring", Development, 3, "monitoring"), t("alert", Development, 2, "monitoring"), t("logging", Development, 3, "monitoring"),
    t("tracing", Development, 2, "observability"), t("telemetry", Development, 3, "observability"), t("certificate", Development, 2, "certificate"), t("tls", Development, 4, "security"), t("ssl", Development, 4, "security"),
    t("dark mode", Development, 4, "ui"), t("settings page", Development, 3, "ui"), t("page", Development, 1, ""), t("frontend", Development, 4, "ui"), t("backend", Development, 4, "code"), t("website", Development, 3, "website"),
    t("app", Development, 2, "app"), t("feature", Development, 3, "feature"), t("documentation", Development, 2, "documentation"), t("readme", Development, 4, "documentation"), t("script", Development, 3, "code"),
    t("rust", Development, 2, "rust"), t("python", Development, 2, "python"), t("javascript", Development, 3, "javascript"), t("typescript", Development, 3, "typescript"), t("java", Development, 3, "java"),
    t("laptop", Development, 2, "computer"), t("computer", Development, 2, "computer"), t("downloads folder", Development, 3, "files"), t("folder", Development, 2, "files"), t("file", Development, 1, "files"),
    t("csv", Development, 3, "data"), t("linux", Development, 3, "computer"), t("version", Development, 2, "release"), t("password", Development, 1, "password"), t("security", Development, 2, "security"),
    // Communication
    t("email", Communication, 3, "email"), t("mail", Communication, 2, "email"), t("inbox", Communication, 4, "email"), t("letter", Communication, 3, "letter"), t("message", Communication, 3, "message"),
    t("landlord", Communication, 1, "housing"), t("newsletter signup", Communication, 2, "email"),
    event("phone call", Communication, 3, "phone", 15), t("postcard", Communication, 2, "cards"),
    // Travel
    t("flight", Travel, 4, "flights"), t("hotel", Travel, 4, "hotel"), t("airbnb", Travel, 4, "hotel"), t("trip", Travel, 4, "travel"), t("vacation", Travel, 4, "vacation"), t("holiday", Travel, 3, "vacation"),
    t("suitcase", Travel, 4, "packing"), t("luggage", Travel, 4, "packing"), t("airport", Travel, 4, "travel"), t("train ticket", Travel, 4, "tickets"), t("train", Travel, 2, "travel"), t("passport", Paperwork, 3, "passport"),
    t("visa", Paperwork, 3, "visa"), t("rental car", Travel, 4, "car"), t("itinerary", Travel, 4, "travel"), t("ticket", Travel, 1, "tickets"), t("campsite", Travel, 4, "camping"), t("tent", Travel, 2, "camping"),
    // Learning
    t("course", Learning, 4, "course"), event("lecture", Learning, 4, "course", 75), t("chapter", Learning, 4, "reading"), t("book", Learning, 2, "book"), event("exam", Learning, 4, "exam", 120), t("homework", Learning, 4, "homework"),
    t("thesis", Learning, 4, "thesis"), t("essay", Learning, 4, "writing"), t("tutorial", Learning, 4, "course"), t("paper", Learning, 2, "reading"), t("guitar", Learning, 3, "music"), t("piano", Learning, 3, "music"), t("violin", Learning, 3, "music"),
    t("spanish", Learning, 4, "spanish"), t("french", Learning, 4, "french"), t("german", Learning, 4, "german"), t("italian", Learning, 3, "italian"), t("japanese", Learning, 3, "japanese"), t("english", Learning, 2, "english"),
    t("vocabulary", Learning, 4, "language"), t("word", Learning, 1, "language"), t("language", Learning, 3, "language"), t("flashcard", Learning, 4, "study"), t("keynote", Learning, 3, "video"), t("webinar", Learning, 3, "course"),
    event("class", Learning, 1, "class", 60), t("certification", Learning, 3, "exam"), t("machine learning", Learning, 2, "course"), t("university", Learning, 3, "university"),
    // Social
    t("birthday", Social, 2, "birthday"), event("birthday party", Social, 4, "birthday", 180), event("party", Social, 3, "party", 180), event("wedding", Social, 4, "wedding", 300), t("anniversary", Social, 3, "anniversary"),
    event("dinner with", Social, 4, "dinner", 120), event("lunch with", Social, 4, "lunch", 75), event("coffee with", Social, 4, "coffee", 60), event("drinks with", Social, 4, "friends", 120), event("brunch", Social, 3, "food", 90),
    t("friend", Social, 3, "friends"), t("neighbour", Social, 1, "neighbours"), t("neighbor", Social, 1, "neighbours"), t("mom", Social, 2, "family"), t("mum", Social, 2, "family"), t("mother", Social, 2, "family"), t("dad", Social, 2, "family"),
    t("father", Social, 2, "family"), t("parent", Social, 2, "family"), t("grandma", Social, 3, "family"), t("grandpa", Social, 3, "family"), t("grandparent", Social, 3, "family"), t("sister", Social, 2, "family"), t("brother", Social, 2, "family"),
    t("aunt", Social, 2, "family"), t("uncle", Social, 2, "family"), t("thank you card", Social, 3, "cards"), t("thank you note", Social, 3, "cards"), t("card", Social, 1, "cards"), t("barbecue", Social, 3, "food"), t("bbq", Social, 3, "food"),
    t("game night", Social, 4, "games"), t("table for", Social, 4, "restaurant"), event("restaurant", Social, 2, "restaurant", 90), event("parent teacher conference", Social, 6, "school", 60), t("reunion", Social, 3, "family"),
    t("lunch", Social, 1, "lunch"), event("picnic", Social, 3, "friends", 150), t("ramen", Leisure, 2, "food"), t("sushi", Leisure, 2, "food"), t("recipe", Home, 3, "cooking"),
    // Paperwork
    t("insurance", Paperwork, 3, "insurance"), t("contract", Paperwork, 2, "contract"), t("form", Paperwork, 3, "documents"), t("application", Paperwork, 2, "application"), t("document", Paperwork, 3, "documents"), t("membership", Paperwork, 2, "membership"),
    t("licence", Paperwork, 3, "documents"), t("license", Paperwork, 3, "documents"), t("driving licence", Paperwork, 4, "documents"), t("drivers license", Paperwork, 4, "documents"), t("id card", Paperwork, 4, "documents"), t("permit", Paperwork, 3, "documents"),
    t("claim", Paperwork, 2, "insurance"), t("will", Paperwork, 1, ""), t("registration", Paperwork, 2, "registration"), t("council", Paperwork, 2, "authority"), t("lease", Paperwork, 3, "contract"), t("warranty", Paperwork, 3, "documents"), t("car insurance", Paperwork, 4, "insurance"),
    t("birth certificate", Paperwork, 4, "documents"), t("power of attorney", Paperwork, 4, "documents"),
    // Leisure
    event("movie", Leisure, 4, "movie", 135), event("film", Leisure, 3, "movie", 135), event("series", Leisure, 2, "series", 60), t("game", Leisure, 2, "games"), event("podcast", Leisure, 3, "podcast", 45), event("concert", Leisure, 4, "concert", 180),
    event("museum", Leisure, 4, "museum", 120), event("theatre", Leisure, 4, "theatre", 150), event("hike", Leisure, 4, "outdoors", 240), event("hiking", Leisure, 4, "outdoors", 240), t("beach", Leisure, 3, "outdoors"), t("playlist", Leisure, 3, "music"), t("novel", Leisure, 3, "reading"),
    event("swim", Health, 4, "swimming", 60), event("cinema", Leisure, 4, "movie", 150),
    // Further words, by the same order of subjects
    t("soap", Shopping, 2, "groceries"), t("coffee", Shopping, 1, "groceries"), t("tea", Shopping, 1, "groceries"), t("pasta", Shopping, 2, "groceries"), t("meat", Shopping, 2, "groceries"), t("beer", Shopping, 2, "groceries"),
    t("filter", Shopping, 1, "household"), t("adapter", Shopping, 1, "electronics"), t("charger", Shopping, 1, "electronics"), t("headphone", Shopping, 1, "electronics"), t("sunscreen", Shopping, 2, "travel"), t("socks", Shopping, 1, "clothes"), t("coat", Home, 1, "clothes"), t("trouser", Home, 1, "clothes"), t("dress", Shopping, 1, "clothes"),
    t("parking", Finance, 1, "parking"), t("parking fine", Finance, 4, "bills"), t("parking ticket", Finance, 4, "bills"), t("savings account", Finance, 4, "savings"), t("account", Finance, 2, "bank"), t("pocket money", Finance, 3, "money"), t("cost", Finance, 2, "expenses"), t("price", Finance, 1, "money"), t("payslip", Finance, 3, "salary"), t("crypto", Finance, 3, "investment"), t("debt", Finance, 3, "bank"), t("iban", Finance, 3, "bank"), t("insurance premium", Finance, 4, "insurance"), t("council tax", Finance, 4, "taxes"), t("vat", Finance, 3, "taxes"),
    event("gp", Health, 3, "health", 45), event("dermatologist", Health, 4, "health", 45), event("orthodontist", Health, 4, "health", 45), event("gynaecologist", Health, 4, "health", 45), event("physio", Health, 4, "health", 45), event("mri", Health, 4, "health", 60), event("x ray", Health, 4, "health", 45), t("antibiotic", Health, 4, "medication"), t("inhaler", Health, 4, "medication"), t("water", Health, 1, "wellbeing"), t("step", Health, 1, "fitness"), t("push up", Health, 4, "fitness"), t("plank", Health, 4, "fitness"), event("spin class", Health, 4, "fitness", 60), event("football", Health, 2, "sport", 90), event("tennis", Health, 3, "sport", 90), event("climbing", Health, 3, "sport", 120), event("bike ride", Health, 3, "cycling", 90), t("blood", Health, 2, "health"), t("journal", Health, 2, "wellbeing"), event("barber", Health, 3, "haircut", 45), event("hairdresser", Health, 3, "haircut", 60), event("manicure", Health, 3, "wellbeing", 60),
    t("duvet", Home, 3, "bedroom"), t("pillow", Home, 3, "bedroom"), t("mattress", Home, 3, "bedroom"), t("towel", Home, 3, "laundry"), t("radiator", Home, 4, "heating"), t("gutter", Home, 4, "home"), t("shed", Home, 3, "garden"), t("patio", Home, 3, "garden"), t("compost", Home, 3, "garden"), t("seed", Home, 2, "garden"), t("weed", Home, 3, "garden"), t("leaf", Home, 2, "garden"), t("leaves", Home, 2, "garden"), t("drawer", Home, 3, "organizing"), t("cupboard", Home, 3, "organizing"), t("pantry", Home, 3, "organizing"), t("carpet", Home, 3, "cleaning"), t("rug", Home, 2, "cleaning"), t("mirror", Home, 2, "home"), t("blind", Home, 2, "home"), t("lock", Home, 2, "repair"), t("alarm", Home, 1, "safety"), t("kettle", Home, 3, "kitchen"), t("coffee machine", Home, 4, "kitchen"), t("microwave", Home, 3, "kitchen"), t("stove", Home, 3, "kitchen"), t("pan", Home, 1, "kitchen"), t("meal", Home, 3, "cooking"), t("cookie", Home, 2, "cooking"), t("soup", Home, 2, "cooking"), t("button", Home, 1, "clothes"), t("zip", Home, 1, "clothes"), t("landlord about", Communication, 2, "housing"), t("babysitter", Home, 3, "kids"), t("nanny", Home, 3, "kids"), t("toy", Home, 2, "kids"), t("diaper", Shopping, 2, "kids"), t("hamster", Home, 3, "pets"), t("aquarium", Home, 3, "pets"), t("fish", Home, 1, "pets"), t("tv", Home, 2, "electronics"), t("camera", Home, 2, "camera"), t("cable", Home, 1, "electronics"), t("box", Home, 1, "organizing"),
    t("van", Errands, 3, "car"), t("mot", Errands, 4, "car"), t("motorbike", Errands, 3, "car"), t("tank", Errands, 2, "car"), t("spare key", Errands, 3, "keys"), t("ebay", Errands, 3, "selling"), t("flea market", Errands, 3, "selling"), t("recycling centre", Errands, 4, "recycling"), t("recycling center", Errands, 4, "recycling"), t("embassy", Errands, 3, "documents"), t("passport photo", Errands, 3, "documents"),
    t("supplier", Work, 3, "supplier"), t("vendor", Work, 3, "supplier"), t("order confirmation", Work, 2, "supplier"), t("delivery", Work, 1, "delivery"), t("feedback", Work, 3, "feedback"), t("goal", Work, 2, "planning"), t("forecast", Work, 3, "planning"), t("kpi", Work, 4, "report"), t("offer", Work, 1, "offer"), t("quote", Work, 2, "offer"), t("pitch", Work, 3, "presentation"), t("deck", Work, 3, "slides"), t("handover", Work, 3, "handover"), t("retro", Work, 4, "meeting"), t("sync", Work, 3, "meeting"), t("invite list", Social, 2, "invitation"), t("linkedin", Work, 3, "job"), t("reference letter", Work, 3, "job"), t("contractor", Work, 2, "supplier"), t("legal", Work, 3, "legal"), t("nda", Work, 3, "contract"), t("compliance", Work, 4, "legal"), t("audit", Work, 3, "audit"), t("survey", Work, 2, "survey"), t("onboarding", Work, 3, "onboarding"), t("training", Work, 1, "training"), t("campaign", Work, 3, "marketing"), t("press release", Work, 4, "marketing"), t("customer support", Work, 3, "customer"), t("ticket queue", Work, 3, "customer"),
    t("toolchain", Development, 4, "rust"), t("job queue", Development, 4, "code"), t("import job", Development, 4, "code"), t("importer", Development, 4, "code"), t("cron job", Development, 4, "server"), t("background job", Development, 4, "code"), t("issue", Development, 3, "issues"), t("error", Development, 3, "bug"), t("exception", Development, 3, "bug"), t("outage", Development, 4, "incident"), t("incident", Development, 4, "incident"), t("postmortem", Development, 4, "incident"), t("checkout", Development, 2, "code"), t("cache", Development, 3, "performance"), t("performance", Development, 1, "performance"), t("nas", Development, 3, "server"), t("raspberry pi", Development, 4, "server"), t("vpn", Development, 3, "server"), t("dns", Development, 4, "server"), t("domain", Development, 2, "website"), t("nginx", Development, 4, "server"), t("terraform", Development, 4, "infrastructure"), t("aws", Development, 4, "infrastructure"), t("cluster", Development, 4, "infrastructure"), t("pipeline", Development, 3, "deploy"), t("build", Development, 3, "deploy"), t("linter", Development, 4, "code"), t("type", Development, 1, "code"), t("regex", Development, 4, "code"), t("webhook", Development, 4, "api"), t("graphql", Development, 4, "api"), t("rest", Development, 1, "api"), t("oauth", Development, 4, "security"), t("token", Development, 3, "security"), t("rate limiting", Development, 4, "api"), t("feature flag", Development, 4, "feature"), t("button color", Development, 3, "ui"), t("css", Development, 4, "ui"), t("component", Development, 3, "ui"), t("release note", Development, 4, "release"), t("changelog", Development, 4, "release"), t("benchmark", Development, 4, "performance"), t("unit", Development, 1, "testing"), t("spec", Development, 2, "documentation"), t("docs", Development, 3, "documentation"), t("algorithm", Development, 3, "code"), t("compiler", Development, 4, "code"), t("phone", Development, 1, "phone"), t("software", Development, 3, "computer"), t("update", Development, 1, "maintenance"), t("virus", Development, 2, "computer"), t("spam", Communication, 3, "email"),
    t("voicemail", Communication, 4, "phone"), t("slack", Communication, 3, "message"), t("whatsapp", Communication, 4, "message"), t("group chat", Communication, 4, "message"), t("professor", Learning, 2, "university"), t("teacher", Learning, 2, "school"), t("office hour", Learning, 2, "university"),
    t("boarding pass", Travel, 4, "flights"), t("seat", Travel, 1, "tickets"), t("airport transfer", Travel, 4, "travel"), t("ferry", Travel, 4, "tickets"), t("bus", Travel, 2, "travel"), t("hostel", Travel, 4, "hotel"), t("sightseeing", Travel, 4, "travel"), t("road trip", Travel, 4, "travel"), t("travel", Travel, 3, "travel"), t("currency", Travel, 2, "money"), t("weekend trip", Travel, 4, "travel"),
    event("midterm", Learning, 4, "exam", 120), event("test prep", Learning, 4, "exam", 90), t("quiz", Learning, 4, "exam"), t("assignment", Learning, 4, "homework"), t("lab report", Learning, 4, "homework"), t("statistics", Learning, 2, "study"), t("math", Learning, 3, "study"), t("physics", Learning, 3, "study"), t("chemistry", Learning, 3, "study"), t("history", Learning, 1, "study"), t("literature", Learning, 3, "reading"), t("pottery", Learning, 3, "class"), t("painting class", Learning, 3, "class"), t("drawing", Learning, 2, "art"), t("chess", Learning, 2, "chess"), t("workshop notes", Learning, 2, "study"), t("note", Learning, 1, "notes"), t("seminar", Learning, 4, "course"), t("scholarship", Learning, 3, "application"),
    t("grandad", Social, 3, "family"), t("granddad", Social, 3, "family"), t("granny", Social, 3, "family"), t("nan", Social, 3, "family"), t("cousin", Social, 3, "family"), t("nephew", Social, 3, "family"), t("niece", Social, 3, "family"), t("wife", Social, 2, "family"), t("husband", Social, 2, "family"), t("partner", Social, 1, "family"), t("daughter", Social, 2, "family"), t("son", Social, 2, "family"), t("baby shower", Social, 4, "party"), t("housewarming", Social, 4, "party"), t("movie night", Social, 3, "movie"), t("date night", Social, 4, "date"), t("school fair", Social, 1, "school"), t("school", Social, 1, "school"), t("church", Social, 2, "church"), t("funeral", Social, 4, "family"), t("guest", Social, 3, "guests"),
    t("authority", Paperwork, 3, "documents"), t("tax id", Paperwork, 4, "documents"), t("notary", Paperwork, 4, "documents"), t("certificate of", Paperwork, 3, "documents"), t("complaint", Paperwork, 3, "complaint"), t("objection", Paperwork, 4, "complaint"), t("residence permit", Paperwork, 4, "documents"), t("address change", Paperwork, 4, "documents"), t("benefit", Paperwork, 2, "application"), t("statement", Finance, 2, "bank"),
    t("scarf", Leisure, 2, "knitting"), t("puzzle", Leisure, 3, "games"), t("exhibition", Leisure, 4, "museum"), t("gallery", Leisure, 4, "museum"), t("zoo", Leisure, 4, "family"), t("festival", Leisure, 4, "concert"), t("album", Leisure, 2, "music"), t("comic", Leisure, 3, "reading"), t("video game", Leisure, 4, "games"), t("sauna", Leisure, 3, "wellbeing"), t("picnic basket", Leisure, 2, "outdoors"), t("camping", Leisure, 4, "camping"), t("sailing", Leisure, 3, "sailing"), t("fishing", Leisure, 4, "outdoors"),
];
