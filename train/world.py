"""The small world the text is about: who lives there, what they own, what things are for, what follows from what.

Everything here is fixed (the same for every seed): these are the facts a model can learn by heart. facts.py, puzzles.py
and stories.py make text of them. All words are our own.

Three sides, disjoint by construction: a document has a key (the combination of people, things, numbers and frame it is
made of) and `side_of(key)` sends it for ever to "train", to "dev" (where t is chosen) or to "held" (where it is reported).
The facts themselves are known to all sides; what is held out is the combination.
"""

import random
import zlib
from collections import namedtuple

Doc = namedtuple("Doc", "text asks")  # asks: a list of (question, answer, wrong answers)

VILLAGES = {  # name: (where it lies, what it is known for, what one sees there)
    "Tidewick": ("by the sea", "boats", "a white lighthouse"),
    "Fernhollow": ("in the forest", "honey", "a hollow oak"),
    "Lanternhill": ("on a hill", "lamps", "a long stone stair"),
    "Greywater": ("beside the lake", "fish", "a wooden bridge"),
    "Osterby": ("on the plain", "bread", "a tall windmill"),
    "Pebblecombe": ("in the valley", "cheese", "a round well"),
    "Marrowby": ("near the marsh", "baskets", "a crooked tower"),
    "Saltby": ("on the island", "salt", "an old harbour"),
    "Thistledown": ("under the mountain", "wool", "a deep cave"),
    "Bellmoor": ("on the moor", "bells", "a ring of stones"),
    "Applegarth": ("among the orchards", "cider", "a red barn"),
    "Coldspring": ("at the source of the river", "water", "a mossy fountain"),
    "Ravenford": ("at the ford", "horses", "a row of poplars"),
    "Duskwell": ("at the edge of the desert", "glass", "a wall of clay"),
    "Northgate": ("in the far north", "furs", "a gate of ice"),
    "Sunbridge": ("in the warm south", "oranges", "a bridge of brick"),
}
JOBS = {  # job: (what the person makes or does, the tool)
    "baker": ("bakes bread", "oven"),
    "potter": ("makes jars", "wheel"),
    "fisher": ("catches fish", "net"),
    "smith": ("mends pans", "hammer"),
    "weaver": ("weaves cloth", "loom"),
    "miller": ("grinds corn", "millstone"),
    "tailor": ("sews coats", "needle"),
    "carpenter": ("builds chairs", "saw"),
    "gardener": ("grows beans", "spade"),
    "painter": ("paints doors", "brush"),
    "doctor": ("heals the sick", "lens"),
    "teacher": ("teaches children", "chalk"),
    "shepherd": ("keeps sheep", "crook"),
    "cook": ("cooks soup", "ladle"),
    "cobbler": ("makes shoes", "awl"),
    "beekeeper": ("keeps bees", "veil"),
}
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "purple", "orange", "silver", "pink", "golden"]
FOODS = ["pear pie", "bean soup", "warm bread", "plum cake", "fried fish", "goat cheese", "honey toast", "onion stew"]
FOODS += ["apple tart", "nut porridge", "roast carrots", "cherry jam", "mushroom rice", "lemon pudding"]
PETS = ["cat", "dog", "goat", "hen", "duck", "rabbit", "pony", "crow", "mouse", "tortoise", "owl", "lamb"]
HOBBIES = ["singing", "swimming", "drawing", "fishing", "dancing", "climbing", "reading", "whistling", "carving", "running"]
HOBBIES += ["juggling", "sailing", "knitting", "riding"]
WOMEN = """Mirra Anwen Calla Dessa Elowen Fenna Greta Hollin Jessa Kestra Linna Nella Orla Petra Quilla Rhea Sorrel Tamsin Una
Willa Adela Brisa Corva Delphi Edda Farah Gilda Hesper Isolde Junia Katrin Lotte Marit Odile Pansy Runa Sigrid Thora Vesna
Zelda""".split()
MEN = """Tobin Aldo Bram Corin Dorn Evan Falk Garrick Hugo Ivor Jory Kellan Lorn Milo Nils Oskar Perrin Rowan Stellan Udo Anders
Bastian Conrad Desmond Emil Fabian Gideon Harald Ingo Jasper Klaus Leopold Magnus Osric Quentin Rufus Sander Tomas Viktor
Wendel""".split()
PEOPLE = WOMEN + MEN

THINGS = {  # thing: (what it is made of, what it is for); the order of the columns is that of facts.lore
    "key": ("iron", "open a lock"),
    "lantern": ("tin", "see at night"),
    "drum": ("leather", "beat time"),
    "kite": ("paper", "play in the wind"),
    "spoon": ("wood", "eat soup"),
    "rope": ("hemp", "tie a boat"),
    "book": ("paper", "learn old tales"),
    "coin": ("gold", "pay a debt"),
    "bell": ("bronze", "call people"),
    "map": ("parchment", "find the way"),
    "cup": ("clay", "drink water"),
    "boot": ("leather", "walk in the mud"),
    "hat": ("felt", "keep off the sun"),
    "flute": ("reed", "make music"),
    "mirror": ("glass", "see a face"),
    "button": ("bone", "close a coat"),
    "candle": ("wax", "light a room"),
    "ring": ("silver", "keep a promise"),
    "shell": ("chalk", "hear the sea"),
    "comb": ("horn", "tidy hair"),
    "knife": ("steel", "cut bread"),
    "blanket": ("wool", "stay warm"),
    "ladder": ("ash", "reach the roof"),
    "broom": ("straw", "sweep the floor"),
}
BOXES = ["box", "chest", "bag", "basket", "drawer", "jar", "barrel", "sack", "bucket", "cupboard"]
ROOMS = ["kitchen", "attic", "cellar", "barn", "garden", "hall", "shed", "mill", "stable", "workshop"]
FRUIT = ["apples", "pears", "plums", "eggs", "nuts", "beans", "onions", "candles", "shells", "coins", "carrots", "figs"]
BEASTS = {  # beast, from small to big: (where it lives, what it eats)
    "ant": ("in a hill of sand", "crumbs"),
    "bee": ("in a hive", "nectar"),
    "mouse": ("behind the wall", "grain"),
    "frog": ("in the pond", "flies"),
    "crow": ("in a tall tree", "worms"),
    "cat": ("by the stove", "mice"),
    "fox": ("in a den", "hens"),
    "goat": ("on the rocks", "leaves"),
    "wolf": ("in the dark forest", "deer"),
    "pony": ("in the stable", "hay"),
    "cow": ("on the meadow", "grass"),
    "bear": ("in a cave", "berries"),
    "whale": ("in the deep sea", "shrimps"),
}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty""".split()
SIZES = ["small", "big", "old", "new", "heavy", "light", "round", "long", "broken", "plain", "fine", "strange"]
MOODS = ["tired", "glad", "hungry", "quiet", "proud", "curious", "cold", "merry", "worried", "sleepy"]
HOURS = ["at dawn", "before noon", "at noon", "in the afternoon", "at dusk", "in the evening", "late at night"]
WEATHER = ["rain", "snow", "fog", "wind", "sunshine", "frost", "hail", "drizzle"]

CAUSES = [  # (because of this, that happened)
    ("the rain fell all night", "the path was muddy"),
    ("the wind was strong", "the kite flew high"),
    ("the fire went out", "the room was cold"),
    ("the oven was too hot", "the bread was burnt"),
    ("the rope was old", "the rope broke"),
    ("the gate was open", "the goats ran away"),
    ("the lamp had no oil", "the house was dark"),
    ("the ice was thin", "the pond was not safe"),
    ("the well was dry", "there was no water"),
    ("the bag had a hole", "the coins fell out"),
    ("the boat had a leak", "the boat filled with water"),
    ("the snow was deep", "the cart got stuck"),
    ("the sun shone for weeks", "the grass turned brown"),
    ("the milk stood in the sun", "the milk turned sour"),
    ("the bridge was broken", "nobody could cross the river"),
    ("the baby was asleep", "everybody whispered"),
    ("the dog barked at the door", "the cat hid under the bed"),
    ("the clock stopped", "everybody came late"),
    ("the window was open", "the papers blew away"),
    ("the corn was ripe", "the harvest began"),
    ("the fog was thick", "the ship sailed slowly"),
    ("the bell rang loudly", "the children woke up"),
    ("the soup had too much salt", "everybody drank a lot of water"),
    ("the ladder was short", "nobody reached the roof"),
    ("the key was lost", "the door stayed shut"),
    ("the river rose", "the field was under water"),
    ("the bees were angry", "nobody went near the hive"),
    ("the frost came early", "the flowers died"),
    ("the pan was dirty", "the egg stuck to it"),
    ("the hen was frightened", "it laid no eggs"),
    ("the string was cut", "the beads rolled away"),
    ("the moon was full", "the road was bright"),
]


def _people():
    """Fixed attributes for everybody; the seed is part of the world."""
    r, out, homes = random.Random(7), {}, list(VILLAGES)
    for i, name in enumerate(PEOPLE):
        out[name] = dict(
            home=homes[i % len(homes)],
            job=r.choice(list(JOBS)),
            colour=r.choice(COLOURS),
            food=r.choice(FOODS),
            pet=r.choice(PETS),
            hobby=r.choice(HOBBIES),
            friend=r.choice([p for p in PEOPLE if p != name]),
        )
    return out


WHO = _people()
FEASTS = {v: random.Random(v).choice(MONTHS) for v in VILLAGES}  # the month of a village's feast


def side_of(*key):
    """The side on which this combination lies: two in 25 are held out, one in 25 is for choosing t."""
    n = zlib.crc32("|".join(map(str, key)).encode()) % 25
    return "held" if n < 2 else "dev" if n == 2 else "train"


class Draw(random.Random):
    """A seeded source of choices that remembers the side it draws for."""

    def __init__(self, seed, side):
        super().__init__(f"{seed}/{side}")
        if side not in ("train", "dev", "held"):
            raise ValueError(f'side "{side}" is unknown; known: train, dev, held')
        self.side = side

    def one(self, options):
        return self.choice(options if isinstance(options, (list, tuple)) else list(options))

    def some(self, options, n):
        return self.sample(list(options), n)

    def keyed(self, make):
        """Call make() -> (key, values) until the key lies on our side; gives the values."""
        while True:
            key, values = make()
            if side_of(*key) == self.side:
                return values


def pron(name):
    """name -> (she, her, her) or (he, him, his): subject, object, possessive"""
    return ("she", "her", "her") if name in WOMEN else ("he", "him", "his")


def cap(s):
    return s[0].upper() + s[1:]


def an(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def count(n, plural):
    """3, "apples" -> "three apples"; 1 -> "one apple\""""
    return f"{NUMBERS[n]} {plural[:-1] if n == 1 else plural}"


def others(options, answer, form="{}"):
    """The wrong answers: all options but the answer, each put into the form."""
    return [form.format(x) for x in options if form.format(x) != answer]
