"""Text that has to be followed: where things are, sums, days and months, comparisons, lines of code, questions in a chat.

What is held out is the situation (these people, this place, this wording with these numbers), never a line of the addition
table or of the calendar: those are facts of the world, and training says them. One function per kind, Draw -> Doc.
"""

from facts import cause, fact, lore
from world import BEASTS, BOXES, DAYS, FRUIT, MONTHS, NUMBERS, PEOPLE, ROOMS, THINGS, Doc, an, cap, count, others, pron


def where(d):
    """Things in boxes in rooms, and boxes that are moved."""

    def draw():
        t, b, r = d.one(THINGS), d.one(BOXES), d.one(ROOMS)
        return ("where", t, b, r), (t, b, r)

    t, b, r = d.keyed(draw)
    b2, r2 = d.one([x for x in BOXES if x != b]), d.one([x for x in ROOMS if x != r])
    t2 = d.one([x for x in THINGS if x != t])
    a, c = d.some(PEOPLE, 2)
    first = [
        d.one([f"The {t} is in the {b}.", f"There is {an(t)} in the {b}."]),
        d.one([f"The {b} is in the {r}.", f"The {b} stands in the {r}."]),
    ]
    second = [f"{a} put the {t2} in the {b2}.", d.one([f"The {b2} is in the {r2}.", f"The {b2} stands in the {r2}."])]
    lines = d.one([first + second, second + first])
    room = r
    if d.random() < 0.4:
        lines.append(d.one([f"{c} carried the {b} to the {r2}.", f"Then {c} took the {b} into the {r2}."]))
        room = r2
    asks = [
        (f"In which room is the {t}?", room, others(ROOMS, room)),
        (f"What is in the {b}?", f"the {t}", others(THINGS, f"the {t}", "the {}")),
        (f"Where did {a} put the {t2}?", f"in the {b2}", others(BOXES, f"in the {b2}", "in the {}")),
        (f"In which room is the {b2}?", r2, others(ROOMS, r2)),
    ]
    d.shuffle(asks)
    return Doc(" ".join(lines), asks)


def _numbers(d):
    a, b, op = d.randint(1, 12), d.randint(1, 12), d.one("+-")
    return (a + b if op == "-" else a), op, b


def sums(d):
    """Adding and taking away: small tables (training only) and little tales with numbers in words or digits."""
    if d.side == "train" and d.random() < 0.5:
        asks = []
        for a, op, b in (_numbers(d) for _ in range(d.randint(2, 5))):
            n = a + b if op == "+" else a - b
            asks.append(f"{a} {op} {b} = {n}" if d.random() < 0.6 else f"Q: What is {a} {op} {b}? A: {n}.")
        return Doc("\n".join(asks), [])

    def draw():
        (a, op, b), f, (p, q), style = _numbers(d), d.one(FRUIT), d.some(PEOPLE, 2), d.randrange(2)
        return ("sum", a, op, b, f, p, q, style), (a, op, b, f, p, q, style)

    a, op, b, f, p, q, style = d.keyed(draw)
    n = a + b if op == "+" else a - b
    she, her, _ = pron(p)
    words = max(a, b, n) <= 20 and d.random() < 0.5

    def many(k, plural):
        return count(k, plural) if words else f"{k} {plural[:-1] if k == 1 else plural}"

    def bare(k):
        return NUMBERS[k] if words else str(k)

    if op == "+":
        text = [
            f"{p} has {many(a, f)}. {q} gives {her} {many(b, f)}.",
            f"{p} counts {many(a, f)} in the basket and puts in {bare(b)} more.",
        ][style]
    else:
        text = [
            f"{p} has {many(a, f)}. {cap(she)} gives {many(b, f)} to {q}.",
            f"{p} counts {many(a, f)} in the basket and takes out {bare(b)}.",
        ][style]
    near = [bare(x) for x in range(max(0, n - 6), n + 7) if x != n and (not words or x <= 20)]
    if d.random() < 0.3:  # the sum written down before it is asked for, as one does on paper
        text += f" {a} {op} {b} = {n}."
    ask = f"How many {f} does {p} have now?" if style == 0 else f"How many {f} are in the basket now?"
    return Doc(text, [(ask, bare(n), near)])


def order(d):
    """Days and months, forwards and backwards; half of the texts count the steps."""

    def draw():
        names = d.one([DAYS, MONTHS])
        i, k, back, a, f = d.randrange(len(names)), d.randint(1, 4), d.random() < 0.4, d.one(PEOPLE), d.randrange(4)
        return ("order", names[i], k, back, a, f), (names, i, k, back, a, f)

    names, i, k, back, a, f = d.keyed(draw)
    unit = "day" if names is DAYS else "month"
    steps = [names[(i - j if back else i + j) % len(names)] for j in range(1, k + 1)]
    when = f"{count(k, unit + 's')} {'before' if back else 'after'} {names[i]}"
    text = [f"{a} gives a feast {when}.", f"{a} will travel {when}.", f"{a} was born {when}.", f"{a} comes home {when}."][f]
    if d.random() < 0.5:
        return Doc(f"{text} From {names[i]}: {', '.join(steps)}. So it is {steps[-1]}.", [])
    return Doc(text, [(f"Which {unit} is that?", steps[-1], others(names, steps[-1]))])


def compare(d):
    """Who is taller, which beast is bigger."""
    if d.random() < 0.3:

        def beasts():
            x, y = d.some(range(len(BEASTS)), 2)
            p = d.one(PEOPLE)
            return ("beast", x, y, p), (x, y, p)

        (x, y, p), names = d.keyed(beasts), list(BEASTS)
        word = "bigger" if x > y else "smaller"
        if d.random() < 0.5:
            return Doc(f"{p} saw {an(names[x])} and {an(names[y])}. {cap(an(names[x]))} is {word} than {an(names[y])}.", [])
        big, small = f"the {names[max(x, y)]}", f"the {names[min(x, y)]}"
        return Doc(f"{p} saw {an(names[x])} and {an(names[y])}.", [("Which is bigger?", big, [small])])
    how, most, least = d.one(
        [
            ("taller", "tallest", "shortest"),
            ("older", "oldest", "youngest"),
            ("faster", "fastest", "slowest"),
            ("stronger", "strongest", "weakest"),
        ]
    )

    def draw():
        who = d.some(PEOPLE, 3)
        return ("compare", how, *who), who

    a, b, c = d.keyed(draw)
    lines = [f"{a} is {how} than {b}.", f"{b} is {how} than {c}."]
    if d.random() < 0.5:
        lines.reverse()
    asks = [(f"Who is the {most}?", a, [b, c]), (f"Who is the {least}?", c, [a, b])]
    d.shuffle(asks)
    return Doc(" ".join(lines), asks)


def code(d):
    """Code-like lines."""

    def draw():
        a, b, v, w, f, t = d.randint(1, 12), d.randint(1, 12), d.one("abcnxyz"), d.one("ijkmpq"), d.randrange(5), d.one(THINGS)
        return ("code", a, b, v, w, f, t), (a, b, v, w, f, t)

    a, b, v, w, f, t = d.keyed(draw)
    if f == 0:
        text = f"{v} = {a}\n{w} = {v} + {b}\nprint({w})\n> {a + b}"
    elif f == 1:
        m = min(b, 5)
        text = f"for {v} in range({a}, {a + m}):\n    print({v})\n" + "\n".join(f"> {a + j}" for j in range(m))
    elif f == 2:
        text = f'{v} = ["{t}"] * {min(b, 4)}\nprint({v})\n> [' + ", ".join([f'"{t}"'] * min(b, 4)) + "]"
    elif f == 3:
        text = f'{t} = "{v}"\nif {a} > {b}:\n    {t} = "{w}"\nprint({t})\n> {w if a > b else v}'
    else:
        text = f"def {t}({v}):\n    return {v} + {b}\nprint({t}({a}))\n> {a + b}"
    return Doc(text, [])


def chat(d):
    """The chat template <用户>...<AI> around questions of the other kinds."""
    while True:
        doc = d.one([fact, where, sums, compare, order, cause, lore])(d)
        if doc.asks:
            question, answer, _ = doc.asks[0]
            return Doc(f"<用户>{doc.text} {question}<AI>{cap(answer)}.", [])
