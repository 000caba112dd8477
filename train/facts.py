"""Text about what everybody in the world knows: people, villages, things, beasts, causes; as prose, talk, letters, lists.

One function per kind, Draw -> Doc(text, asks). An ask is (question, answer, wrong answers); a document may close with
some of them, and corpus.py takes the held-out ones for multiple choice.
"""

from world import (
    BEASTS,
    CAUSES,
    COLOURS,
    DAYS,
    FEASTS,
    FOODS,
    FRUIT,
    HOBBIES,
    HOURS,
    JOBS,
    MONTHS,
    MOODS,
    PEOPLE,
    PETS,
    THINGS,
    VILLAGES,
    WEATHER,
    WHO,
    Doc,
    an,
    cap,
    others,
    pron,
)

POOL = dict(home=list(VILLAGES), job=list(JOBS), colour=COLOURS, food=FOODS, pet=PETS, hobby=HOBBIES, friend=PEOPLE)
SAY = {  # what is said of a person; {n} the name or pronoun, {p} the possessive, {v} the value
    "home": ["{n} lives in {v}", "{n} has a house in {v}", "{p} home is in {v}"],
    "job": ["{n} is {av} and {does}", "{n} works as {av}", "{p} trade is that of {av}"],
    "colour": ["{n} likes the colour {v}", "{p} favourite colour is {v}", "{p} door is painted {v}"],
    "food": ["{n} loves {v}", "{p} favourite food is {v}", "{n} could eat {v} every day"],
    "pet": ["{n} keeps {av}", "{p} pet is {av}", "{n} has {av} at home"],
    "hobby": ["{n} enjoys {v}", "{n} spends the evening {v}", "{p} hobby is {v}"],
    "friend": ["{n} often visits {v}", "{p} best friend is {v}", "{n} is a friend of {v}"],
}
ASK = {  # question to a third person; to the person; the person's answer
    "home": ("Where does {n} live?", "Where do you live", "I live in {v}"),
    "job": ("What is the job of {n}?", "What is your job", "I am {av}"),
    "colour": ("Which colour does {n} like?", "Which colour do you like best", "I like {v} best"),
    "food": ("What does {n} love to eat?", "What do you love to eat", "I love {v}"),
    "pet": ("Which pet does {n} keep?", "Do you keep a pet", "I keep {av}"),
    "hobby": ("What does {n} enjoy?", "What do you enjoy", "I enjoy {v}"),
    "friend": ("Who is the best friend of {n}?", "Who is your best friend", "It is {v}"),
}


def fill(form, name, what, first=True):
    she, _, her = pron(name)
    v = WHO[name][what]
    does = JOBS[v][0] if what == "job" else ""
    return form.format(n=name if first else she, p=name + "'s" if first else her, v=v, av=an(v), does=does)


def ask_about(name, what):
    v = WHO[name][what]
    return (ASK[what][0].format(n=name), v, others([x for x in POOL[what] if x != name], v))


def fact(d):
    """People: some attributes told, others asked. The answer is never in the text."""

    def draw():
        name, what = d.one(PEOPLE), d.some(SAY, d.randint(2, 4))
        forms = [d.randrange(3) for _ in what]
        return ("fact", name, *what, *forms), (name, what, forms)

    name, what, forms = d.keyed(draw)
    text = " ".join(cap(fill(SAY[w][f], name, w, i == 0)) + "." for i, (w, f) in enumerate(zip(what, forms)))
    asks = [ask_about(name, w) for w in d.some([w for w in SAY if w not in what], 2)]
    return Doc(text, asks)


def village(d):
    """Villages: where they lie, what they are known for, when they feast, who lives there."""

    def draw():
        v, i, j = d.one(VILLAGES), d.randrange(3), d.randrange(3)
        who = d.one([p for p in PEOPLE if WHO[p]["home"] == v])
        return ("village", v, i, j, who), (v, i, j, who)

    v, i, j, who = d.keyed(draw)
    lies, known, sight = VILLAGES[v]
    a = [f"{v} lies {lies}.", f"{v} is a village {lies}.", f"There is a village {lies}; its name is {v}."][i]
    b = [f"It is known for its {known}.", f"Everybody knows the {known} of {v}.", f"People come there for the {known}."][j]
    c = d.one([f"One can see {sight} there.", f"In the middle stands {sight}.", ""])
    e = d.one([f"{who} lives in {v}.", f"{who}, the {WHO[who]['job']}, comes from there.", f"The home of {who} is there."])
    feast = f"In {FEASTS[v]} they have a feast."
    text, asks = [a, b, c, e], []
    if d.random() < 0.5:
        text.append(feast)
    else:
        asks.append((f"In which month is the feast of {v}?", FEASTS[v], others(MONTHS, FEASTS[v])))
    return Doc(" ".join(x for x in text if x), asks)


def lore(d):
    """Things and beasts: what they are made of and for, where they live and what they eat."""
    thing = d.random() < 0.6

    def draw():
        x, y = d.some(THINGS if thing else BEASTS, 2)
        f, g = d.randrange(3), d.randrange(3)
        return ("lore", x, y, f, g), (x, y, f, g)

    x, y, f, g = d.keyed(draw)
    asks = []

    def tell(x, f):
        a, b = (THINGS if thing else BEASTS)[x]
        if thing:
            asks.append((f"What is {an(x)} made of?", a, others(sorted({m for m, _ in THINGS.values()}), a)))
            return [f"{cap(an(x))} is made of {a}.", f"With {an(x)} one can {b}.", f"People use {an(x)} of {a} to {b}."][f]
        asks.append((f"What does {an(x)} eat?", b, others([e for _, e in BEASTS.values()], b)))
        return [f"The {x} lives {a}.", f"{cap(an(x))} likes to eat {b}.", f"The {x} lives {a} and eats {b}."][f]

    text = f"{tell(x, f)} {tell(y, g)}"
    return Doc(text, [a for a, form in zip(asks, (f, g)) if form == (1 if thing else 0)])  # only what is not told


def talk(d):
    """Two people ask each other about themselves."""

    def draw():
        a, b = d.some(PEOPLE, 2)
        w, x = d.some(ASK, 2)
        f = d.randrange(5)
        return ("talk", a, b, w, x, f), (a, b, w, x, f)

    a, b, w, x, f = d.keyed(draw)

    def say(who, what):
        return ASK[what][2].format(v=WHO[who][what], av=an(WHO[who][what]))

    start = [
        f"{a} met {b} at the market.",
        f"{b} came to the house of {a}.",
        f"{a} and {b} sat by the fire.",
        f"{a} walked to {WHO[b]['home']} to see {b}.",
        f"{cap(d.one(HOURS))} {a} was {d.one(MOODS)} and went to {b}.",
    ][f]
    back = d.one([f"And you, {a}? {ASK[x][1]}?", f"Now tell me, {a}: {ASK[x][1].lower()}?"])
    she = pron(a)[0]
    end = d.one([f'"{say(a, x)}," {she} answered.', f'"{say(a, x)}," said {a}.', f'{cap(she)} thought a while. "{say(a, x)}."'])
    return Doc(f'{start} "{ASK[w][1]}, {b}?" asked {a}. "{say(b, w)}," said {b}. "{back}" {end}', [])


def letter(d):
    """A letter about the writer, the weather and somebody else."""

    def draw():
        a, b, c = d.some(PEOPLE, 3)
        w = d.one(SAY)
        return ("letter", a, b, c, w), (a, b, c, w)

    a, b, c, w = d.keyed(draw)
    sky = d.one([f"We have had {d.one(WEATHER)} since {d.one(DAYS)}.", f"There was {d.one(WEATHER)} {d.one(HOURS)}.", ""])
    mood = d.one([f"I am {d.one(MOODS)} and {d.one(MOODS)}.", f"My {WHO[a]['pet']} is {d.one(MOODS)}.", "All is well here."])
    news = cap(fill(d.one(SAY[w]), c, w)) + "."
    wish = d.one([f"Please send me {an(d.one(THINGS))}.", f"Come and see me in {d.one(MONTHS)}.", f"Bring some {WHO[a]['food']}."])
    mid = [x for x in (sky, mood, news, wish) if x]
    d.shuffle(mid)
    asks = [("Who wrote the letter?", a, [b, c]), (f"Where does {a} live?", WHO[a]["home"], others(VILLAGES, WHO[a]["home"]))]
    return Doc(f"Dear {b},\n{' '.join(mid)}\nYour friend {a}", asks)


def cause(d):
    """Why things happen."""

    def draw():
        i, v, f, p = d.randrange(len(CAUSES)), d.one(VILLAGES), d.randrange(4), d.one(PEOPLE)
        return ("cause", i, v, f, p), (i, v, f, p)

    i, v, f, p = d.keyed(draw)
    why, what = CAUSES[i]
    day, hour = d.one(DAYS), d.one(HOURS)
    text = [
        f"On {day} {hour} {why} in {v}.",
        f"{p} came to {v} on {day}. {cap(why)}.",
        f"It was {day} in {v}, and {why}.",
        f"{p} wrote from {v}: {why}.",
    ][f]
    said = d.one([f"So {what}.", f"Because {why}, {what}."]) if d.random() < 0.5 else ""
    return Doc(f"{text} {said}".strip(), [] if said else [("What happened?", what, others([e for _, e in CAUSES], what))])


def record(d):
    """List-like lines: cards, tables, shopping lists."""

    def draw():
        who = d.some(PEOPLE, d.randint(1, 3))
        what = d.some(POOL, d.randint(2, 4))
        return ("record", *who, *what), (who, what)

    who, what = d.keyed(draw)
    style = d.random()
    if style < 0.4:
        return Doc("\n".join("\n".join([f"name: {p}"] + [f"{w}: {WHO[p][w]}" for w in what]) for p in who), [])
    if style < 0.75:
        rows = [f"| {p} | " + " | ".join(WHO[p][w] for w in what) + " |" for p in who]
        return Doc("\n".join(["| name | " + " | ".join(what) + " |"] + rows), [])
    n = [(d.randint(2, 9), f) for f in d.some(FRUIT, d.randint(2, 4))]
    return Doc("\n".join([f"list of {who[0]}:"] + [f"- {k} {f}" for k, f in n] + [f"all: {sum(k for k, _ in n)}"]), [])
