"""Little stories: a plot is a chain of sentences with choices; people keep their own homes, jobs, pets and tastes.

Between the steps of a plot come asides (the weather, a mood, a thing seen on the way), so that two stories of one plot differ in
length and order. Held-out stories are made of combinations of two people, a thing and a room that no training story has.
"""

from world import (
    BOXES,
    COLOURS,
    DAYS,
    FEASTS,
    FRUIT,
    HOURS,
    JOBS,
    MOODS,
    NUMBERS,
    PEOPLE,
    ROOMS,
    SIZES,
    THINGS,
    VILLAGES,
    WEATHER,
    WHO,
    Doc,
    an,
    cap,
    count,
    others,
    pron,
)

ROOMS_IN = [f"in the {r}" for r in ROOMS]
THE_THINGS = [f"the {t}" for t in THINGS]


class Cast:
    """The words a plot is told with: a and b the people, their pronouns, a thing with a look, two rooms, two boxes."""

    def __init__(self, d, a, b, thing, room):
        self.d, self.a, self.b, self.thing, self.room = d, a, b, thing, room
        self.she, self.her, self.hers = pron(a)
        self.bshe, self.bher, self.bhers = pron(b)
        self.look = d.one(d.one([COLOURS, SIZES]))
        self.room2 = d.one([r for r in ROOMS if r != room])
        self.box, self.box2 = d.some(BOXES, 2)
        self.day = d.one(DAYS)
        self.A, self.B = WHO[a], WHO[b]

    def opening(self):
        s, d = self, self.d
        home = s.A["home"]
        return d.one(
            [
                f"One {s.day} {s.a} was in the {s.room}.",
                f"{s.a} was {an(s.A['job'])} in {home}.",
                f"It was {s.day}, and {s.a} was at home in {home}.",
                f"In {home}, {VILLAGES[home][0]}, lived {an(s.A['job'])} whose name was {s.a}.",
                f"{s.a} woke up {d.one(HOURS)} on {s.day}.",
                f"{cap(d.one(HOURS))} {s.a} went to the {s.room}.",
                f"Once there was {an(s.A['job'])} called {s.a}, who enjoyed {s.A['hobby']}.",
            ]
        )

    def aside(self):
        """A sentence that could stand anywhere."""
        s, d = self, self.d
        who = d.one([s.a, s.b])
        other = d.one(PEOPLE)
        return d.one(
            [
                f"{who} was {d.one(MOODS)}.",
                f"{who} felt {d.one(MOODS)} and a little {d.one(MOODS)}.",
                f"There was {d.one(WEATHER)} over {d.one(VILLAGES)}.",
                f"{cap(an(d.one(SIZES)))} {d.one(THINGS)} lay on the floor.",
                f"{cap(d.one(HOURS))} one could hear {other} {WHO[other]['hobby']}.",
                f"{cap(an(d.one(COLOURS)))} {d.one(['bird', 'leaf', 'cloud', 'butterfly'])} went by.",
                f"{who} thought of {WHO[who]['friend']}.",
                f"The feast of {s.A['home']} is in {FEASTS[s.A['home']]}, so there was much to do."
                if d.random() < 0.4
                else f"{who} ate some {WHO[who]['food']}.",
            ]
        )

    def thanks(self):
        s, d = self, self.d
        return d.one(
            [
                f'"Thank you, {s.b}!" said {s.a}, and {s.she} gave {s.bher} some {s.B["food"]}.',
                f"{s.a} thanked {s.b}, and they ate {s.A['food']} together.",
                f'"You are a good friend," said {s.a} to {s.b}.',
                f"{s.a} was so glad that {s.she} hugged {s.b}.",
                f"{s.a} promised {s.b} {an(s.look)} {d.one(THINGS)}.",
            ]
        )


def lost(s):
    d = s.d
    mid = [f"{cap(s.she)} could not find {s.hers} {s.look} {s.thing}.", f"{cap(s.hers)} {s.look} {s.thing} was gone."]
    mid += [f"{cap(s.she)} wanted {s.hers} {s.look} {s.thing}, but it was not there."]
    seek = [f"{cap(s.she)} looked in the {s.box} and under the {s.box2}, but the {s.thing} was not there."]
    seek += [f"{cap(s.she)} opened the {s.box}. It was empty.", f"{cap(s.she)} searched the {s.room} from wall to wall."]
    come = [f'Then {s.b} came in. "What are you looking for?" asked {s.b}. "My {s.thing}," said {s.a}.']
    come += [f"{cap(s.she)} asked {s.b} for help, because {s.b} had good eyes."]
    come += [f"{s.b}, the {s.B['job']} from {s.B['home']}, heard {s.her} and came to help."]
    find = [f"They went to the {s.room2}, and there {s.b} found the {s.thing} in {an(s.box2)}."]
    find += [f"{s.b} looked in the {s.room2}. The {s.thing} lay behind the {s.box2}."]
    find += [f"At last {s.b} saw something {s.look} in the {s.room2}. It was the {s.thing}."]
    asks = [
        ("Who found it?", s.b, None),
        ("What was lost?", f"the {s.thing}", THE_THINGS),
        ("Where was it?", f"in the {s.room2}", ROOMS_IN),
    ]
    return [s.opening(), d.one(mid), d.one(seek), d.one(come), d.one(find), s.thanks()], asks


def storm(s):
    d = s.d
    sky = ["The sky grew dark and the wind began to blow.", "Black clouds came over the hill.", "Thunder rolled."]
    out = [f"{s.b}'s {s.B['pet']} was still outside.", f"{s.b} was on the road with {s.bhers} {s.B['pet']}."]
    out += [f"{s.b} had left {s.bhers} {s.thing} in the field."]
    act = [f"{s.a} ran out with a lantern and brought them into the {s.room2}."]
    act += [f'"Come in, {s.b}!" cried {s.a}, and {s.she} opened the door of the {s.room2}.']
    wait = [f"They sat in the {s.room2} until the rain stopped.", f"All night they waited in the {s.room2}."]
    wait += [f"The rain fell, but in the {s.room2} it was warm and dry."]
    end = ["In the morning the sun shone again.", "The next day the path was muddy, but everybody was safe."]
    end += [f"When it was over, {s.b} went home to {s.B['home']}."]
    asks = [("Where did they wait?", f"in the {s.room2}", ROOMS_IN)]
    return [s.opening(), d.one(sky), d.one(out), d.one(act), d.one(wait), d.one(end)], asks


def market(s):
    d = s.d
    f, n, k = d.one(FRUIT), d.randint(3, 10), d.randint(1, 2)
    go = [f"{cap(s.she)} took {count(n, f)} to the market in {s.B['home']}."]
    go += [f"{cap(s.she)} had {count(n, f)} to sell, so {s.she} walked to {s.B['home']}."]
    want = [f'"I need {count(k, f)}," said {s.b}. "I have no money, but I have {an(s.look)} {s.thing}."']
    want += [f"{s.b} had no coins, but {s.bshe} offered {an(s.look)} {s.thing} for {count(k, f)}."]
    deal = [f"{s.a} liked the {s.thing} and took it.", f'"That is a fair trade," said {s.a}.']
    left = f"So {s.a} still had {count(n - k, f)}, and {s.b} had {NUMBERS[k]}."
    end = [f"{cap(s.she)} carried the {s.thing} home to {s.A['home']}.", f"At home {s.she} put the {s.thing} in the {s.box}."]
    end += [f"{cap(s.she)} hung the {s.thing} on the wall of the {s.room2}."]
    asks = [(f"How many {f} did {s.a} still have?", NUMBERS[n - k], NUMBERS[1:11]), (f"What did {s.a} get?", f"the {s.thing}", THE_THINGS)]
    asks += [("Where was the market?", f"in {s.B['home']}", [f"in {v}" for v in VILLAGES])]
    return [s.opening(), d.one(go), d.one(want), d.one(deal), left, d.one(end)], asks


def guest(s):
    d = s.d
    knock = [f"There was a knock at the door. It was {s.b} from {s.B['home']}."]
    knock += [f"{s.b} came to visit with {s.bhers} {s.B['pet']}.", f"A letter came: {s.b} would visit that day."]
    cook = [f"{cap(s.she)} knew that {s.b} loved {s.B['food']}, so {s.she} made some."]
    cook += [f'"I am hungry," said {s.b}. "I would like some {s.B["food"]}."']
    gift = [f"{s.b} had brought {an(s.look)} {s.thing} as a gift.", f"{s.b} gave {s.her} {an(s.look)} {s.thing}."]
    gift += [f'"This is for you," said {s.b}, and showed {s.her} {an(s.look)} {s.thing}.']
    joy = [f"{s.a} put it in the {s.room2}, where everybody could see it.", f"{s.a} put it in the {s.box} in the {s.room2}."]
    eve = [f"In the evening they talked about {s.A['hobby']} and {s.B['hobby']}.", f"They went {s.B['hobby']} until it was dark."]
    eve += [f"{cap(s.hers)} {s.A['pet']} slept by the fire."]
    asks = [("What was the gift?", f"the {s.thing}", THE_THINGS), ("Who brought the gift?", s.b, None)]
    return [s.opening(), d.one(knock), d.one(cook), d.one(gift), d.one(joy), d.one(eve)], asks


def quarrel(s):
    d = s.d
    both = [f"{s.a} and {s.b} both wanted the {s.look} {s.thing}.", f"{s.a} and {s.b} quarrelled about {an(s.look)} {s.thing}."]
    say = [f'"It is mine," said {s.a}. "No, I saw it first," said {s.b}.', f'"Give it to me!" cried {s.b}. "Never!" said {s.a}.']
    fall = [f"They pulled, and the {s.thing} fell into the {s.box}."]
    fall += [f"While they shouted, {s.a}'s {s.A['pet']} carried the {s.thing} away to the {s.room2}."]
    calm = [f"Then {s.b} began to laugh, and {s.a} laughed too.", f"{cap(s.bshe)} was sorry, and {s.she} was sorry too."]
    calm += ["Both were quiet for a while."]
    share = [f"In the end {s.a} had it on {s.day} and {s.b} on the other days.", f"They gave the {s.thing} to a child in {s.A['home']}."]
    share += [f"They put the {s.thing} in the {s.room2}, so that it belonged to both."]
    asks = [("What did both want?", f"the {s.thing}", THE_THINGS)]
    return [s.opening(), d.one(both), d.one(say), d.one(fall), d.one(calm), d.one(share)], asks


def made(s):
    d = s.d
    tool = JOBS[s.A["job"]][1]
    need = [f"{s.b} needed a new {s.thing}.", f'"Can you make me a {s.thing}?" asked {s.b}.', f"{s.b}'s old {s.thing} was broken."]
    work = [f"{s.a} took {s.hers} {tool} and worked all day in the {s.room2}."]
    work += [f"{cap(s.she)} went to the {s.room2}, fetched the {tool} and began."]
    trouble = [f"But the {tool} broke, so {s.she} had to wait until {s.day}.", "It was hard work, but it went well."]
    trouble += [f"The first one was too {d.one(SIZES[:2] + SIZES[4:6])}, so {s.she} made another."]
    stuff = THINGS[s.thing][0]
    trouble += [f"The {stuff} was {d.one(['hard', 'good', 'old'])}, but {s.she} had enough of it."]
    paint = [f"{cap(s.she)} painted it {s.B['colour']}, because {s.b} liked {s.B['colour']}."]
    paint += [f'"Make it {s.B["colour"]}," said {s.b}, and so it became {s.B["colour"]}.']
    asks = [("Which colour was it?", s.B["colour"], list(COLOURS)), (f"Who made the {s.thing}?", s.a, None)]
    return [s.opening(), d.one(need), d.one(work), d.one(trouble), d.one(paint), s.thanks()], asks


def journey(s):
    d = s.d
    over = d.one([v for v in VILLAGES if v not in (s.A["home"], s.B["home"])])
    why = [f"{cap(s.she)} wanted to see {s.b} in {s.B['home']}.", f"{s.b} was ill, so {s.she} set out for {s.B['home']}."]
    why += [f"{cap(s.she)} had to bring {s.b} {an(s.look)} {s.thing}."]
    pack = [f"In {s.hers} {s.box} {s.she} had {an(s.look)} {s.thing} and some {s.A['food']}."]
    pack += [f"{cap(s.she)} packed {an(s.thing)}, because with it one can {THINGS[s.thing][1]}."]
    way = [
        f"On the way {s.she} came through {over} {VILLAGES[over][0]}.",
        f"{cap(s.she)} slept a night in {over} and saw {VILLAGES[over][2]}.",
    ]
    meet = [f"{s.b} stood in front of the {s.room2} and waved.", f'"You have come far," said {s.b}, "sit down in the {s.room2}."']
    end = [f"They spent the evening {s.B['hobby']}.", f"{s.b}'s {s.B['pet']} was glad too.", f"{s.a} stayed until {s.day}."]
    asks = [("Through which village did the way lead?", over, list(VILLAGES)), (f"Whom did {s.a} visit?", s.b, None)]
    return [s.opening(), d.one(why), d.one(pack), d.one(way), d.one(meet), d.one(end)], asks


PLOTS = [lost, storm, market, guest, quarrel, made, journey]


def story(d):
    def draw():
        a, b = d.some(PEOPLE, 2)
        thing, room = d.one(THINGS), d.one(ROOMS)
        return ("story", a, b, thing, room), (a, b, thing, room)

    s = Cast(d, *d.keyed(draw))
    lines, asks = d.one(PLOTS)(s)
    for _ in range(d.randrange(3)):
        lines.insert(d.randint(1, len(lines)), s.aside())
    d.shuffle(asks)
    full = []
    for question, answer, wrong in asks:
        if wrong is None:  # a person: the other one of the story, and two who are not in it
            wrong = [s.a if answer == s.b else s.b] + d.some([x for x in PEOPLE if x not in (s.a, s.b)], 2)
        full.append((question, answer, others(wrong, answer)))
    return Doc(" ".join(lines), full)
