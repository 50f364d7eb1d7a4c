"""English words in which people ask for each category without naming a title, written by hand for this project (Apache-2.0).

A family is one idea with its inflections: "frighten, frightening, frightened". The world's seed decides which forms training queries may
use and which are kept for held-out queries (phrases.py), so that a classifier of whole words encounters unseen words, and one of subwords
known stems. SHARED families belong to several categories: the category of a query that uses only these is ambiguous.
"""

from __future__ import annotations

Family = tuple[str, ...]


def _families(text: str) -> tuple[Family, ...]:
    """Families are separated by ';', forms by ','; white space around them is ignored."""
    return tuple(tuple(" ".join(form.split()) for form in family.split(",")) for family in text.split(";") if family.strip())


CORE: dict[str, tuple[Family, ...]] = {
    "family": _families("""
        child, children, childlike, childish; toddler, toddlers; cartoon, cartoons, cartoonish; animate, animated, animating;
        puppet, puppets, puppetry; fairy tale, fairy tales, fairytale; talking animal, talking animals; cuddle, cuddly, cuddling;
        bedtime, bedtimes; little one, little ones, littlest; grandma, grandmas, grandmother; parent, parents, parenting;
        holiday, holidays; cute, cuter, cutest; innocence, innocently; playful, playfully, playfulness; nursery, nurseries;
        puppy, puppies; singalong, singalongs, sing along; wholesome, wholesomely, wholesomeness; youngster, youngsters;
        storybook, storybooks; kindergarten, kindergartens, kindergartner; schoolchild, schoolchildren; drawn by hand, hand drawn;
        toy, toys; kiddie, kiddies; adorable, adorably; pet, pets; bunny, bunnies
    """),
    "horror": _families("""
        horror, horrors, horrifying, horrified; scare, scary, scared, scariest; frighten, frightening, frightened, frightful;
        terrify, terrifying, terrified; spook, spooky, spooked, spookiest; creep, creepy, creepiest, creeping;
        vampire, vampires, vampiric; zombie, zombies; monster, monsters, monstrous; haunt, haunted, haunting;
        slasher, slashers, slashing; gore, gory, goriest; blood, bloody, bloodiest; demon, demons, demonic;
        nightmare, nightmares, nightmarish; evil, evils, evildoer; curse, cursed, curses; werewolf, werewolves; undead, living dead;
        grave, graves, graveyard; shriek, shrieking, shrieks; occult, occultism, occultist; witch, witches, witchcraft;
        gruesome, gruesomely; dread, dreadful, dreaded; ghoul, ghouls, ghoulish; exorcise, exorcising, exorcised;
        possess, possessed, possession; macabre, macabrely; petrify, petrifying, petrified
    """),
    "fantastic": _families("""
        robot, robots, robotic; spaceship, spaceships; galaxy, galaxies, galactic; strange planet, strange planets;
        future, futures, futuristic; science fiction, sci fi, scifi; laser, lasers; cyborg, cyborgs; android, androids;
        wizard, wizards, wizardry; magic, magical, magician; dragon, dragons; time travel, timeline, time travelling;
        outer space, spacefaring; starship, starships; mutant, mutants, mutated; dystopia, dystopias, dystopian;
        sorcerer, sorcerers, sorcery; astronaut, astronauts; technology, technological, technologies;
        extraterrestrial, extraterrestrials; telepath, telepathic, telepathy; elf, elves, elven; enchant, enchanted, enchanting;
        clone, cloned, cloning; invent, invention, inventions; myth, mythical, mythology; interstellar, interplanetary;
        cyberspace, cybernetic, cybernetics; gadget, gadgets, gadgetry
    """),
    "history": _families("""
        soldier, soldiers, soldiering; battle, battles, battlefield; army, armies; cowboy, cowboys; gunslinger, gunslingers;
        sheriff, sheriffs; frontier, frontiers, frontiersman; trench, trenches; general, generals; military, militarily;
        history, historic, historical; documentary, documentaries, documented; real footage, actual footage; wartime, warring;
        invade, invading, invasion; saloon, saloons; horseback, on horses; ranch, ranches, rancher; veteran, veterans;
        regiment, regiments; submarine, submarines; interview, interviews, interviewed; nonfiction, non fiction;
        archive, archives, archival; occupy, occupied, occupation; colonel, colonels; cavalry, cavalrymen; outlawed, outlaws;
        bomb, bombs, bombing; wild west, western, westerns
    """),
    "crime": _families("""
        detective, detectives, detecting; gangster, gangsters; mafia, mafiosi, mafioso; murder, murders, murderer, murdered;
        heist, heists; police, policeman, policemen; criminal, criminals, criminally; robber, robbery, robberies;
        investigate, investigation, investigating; sleuth, sleuths, sleuthing; hitman, hitmen; con man, con men, conning;
        thief, thievery, thieving; burglar, burglars, burglary; private eye, private eyes; whodunit, whodunits; clue, clues;
        mob, mobster, mobsters; prison, prisons, prisoner; corrupt, corruption, corrupted; hardboiled, trench coat, trench coats;
        femme fatale, femmes fatales; alibi, alibis; bank job, bank jobs; gangland, ganglands; drug deal, drug dealer, drug dealers;
        convict, convicts, convicted; homicide, homicides, homicidal; smuggle, smuggler, smuggling;
        solve the case, solving a case, unsolved case
    """),
    "romance": _families("""
        romance, romantic, romances, romantically; love story, love stories; kiss, kisses, kissing; wed, weddings, wedded;
        couple, couples; sweetheart, sweethearts; marry, married, marrying, marriage; falling in love, fell in love, falls in love;
        date night, dating, dates; flirting, flirty, flirtatious; passionate, passionately; heartbreak, heartbroken, heartbreaking;
        courtship, courting; valentine, valentines; lover, lovers; song, songs, songwriter; dance, dances, dancing, dancer;
        musical, musicals, musically; sing, singing, singer, singers; affair, affairs; soulmate, soulmates;
        longing, longed for, longs for; bride, brides, bridal; tender, tenderly, tenderness; engagement, engaged;
        seduce, seduction, seductive; crushing on, have a crush; ballroom, ballrooms; girlfriend, girlfriends, boyfriend;
        candlelit, candlelight
    """),
    "thriller": _families("""
        thriller, thrillers, thrilling, thrilled; suspense, suspenseful; conspire, conspiracy, conspiracies; paranoia, paranoid;
        stalk, stalked, stalking; assassin, assassinate, assassination; spy, spies, spying; hostage, hostages;
        kidnap, kidnapped, kidnapping; twist, twists, twisty; edgy, edgier, edgiest; nail biter, nail biting;
        blackmail, blackmailed, blackmailing; obsess, obsessed, obsession, obsessive; manhunt, manhunts;
        psychology, psychological, psychologically; unsettle, unsettling, unsettled; espionage, double agent, double agents;
        cat and mouse, mind games; betray, betrayed, betrayal; fugitives, in hiding; suspect, suspects, suspicious;
        menace, menacing, menaced; terrorist, terrorists, terrorism; surveil, surveillance, surveilled;
        deadly secret, deadly secrets; tension, tense, tensions; framed man, being framed; courtroom, courtrooms;
        hacker plot, hacking
    """),
    "action": _families("""
        action, action packed, actioner; explode, explosion, explosions, exploding; fight, fights, fighting, fighter;
        car chase, car chases; stunt, stunts, stuntman; martial arts, martial artist; gunfight, gunfights;
        adventure, adventures, adventurous, adventurer; superhero, superheroes; pirate, pirates; kung fu, karate;
        sword, swords, swordplay; jungle, jungles; treasure hunt, treasures, treasure; muscle, muscles, muscular;
        rescue, rescued, rescuing; expedition, expeditions; shootout, shootouts; commando, commandos; race, races, racing, racer;
        explorer, explorers, exploring; knight, knights; ninja, ninjas; punch, punches, punching; blockbuster, blockbusters;
        survive, survival, surviving; gunfire, gunslinging; helicopter, helicopters; hero, heroes, heroic, heroics;
        adrenaline, adrenalin
    """),
    "comedy": _families("""
        comedy, comedies, comedic, comical; funny, funnier, funniest; laugh, laughs, laughing, laughter;
        hilarious, hilariously, hilarity; joke, jokes, joking; gag, gags; slapstick, slapsticks;
        silly, sillier, silliest, silliness; goofy, goofiest, goofball; parody, parodies, parodying; spoof, spoofs, spoofing;
        satire, satirical, satires; prank, pranks, prankster; witty, wittier, wittiest; humor, humorous, humour;
        giggle, giggles, giggling; ridiculous, ridiculously; absurd, absurdity, absurdly; clown, clowns, clowning;
        crack me up, cracks me up; chuckle, chuckles, chuckling; zany, zaniest; buffoon, buffoons, buffoonery;
        stand up comic, stand up comics; housemate, housemates; mishap, mishaps; amuse, amusing, amused;
        wisecrack, wisecracks, wisecracking; farce, farces, farcical; stoner, stoners
    """),
    "drama": _families("""
        drama, dramas, dramatic, dramatically; tragedy, tragedies, tragic; grief, grieve, grieving; struggle, struggles, struggling;
        sorrow, sorrowful, sorrows; tearjerker, tearjerkers; cry, crying, cries; weep, weepy, weeping; loss, losses, losing someone;
        family secret, family secrets; alcoholic, alcoholics, alcoholism; illness, illnesses; poverty, impoverished;
        sincere, sincerity, sincerely; character study, character studies; serious, seriously, seriousness;
        award winning, award winner; biography, biographies, biographical; redeem, redemption, redeeming;
        addict, addictive, addicted; coming of age, growing up; melancholy, melancholic; immigrant, immigrants;
        mourn, mourning, mourned; sacrifice, sacrifices, sacrificing; loneliness, lonely, lonesome; literary, literature;
        despair, despairing, desperate; reflect, reflective, reflection; thoughtful, thoughtfully, thought provoking
    """),
}

SHARED: tuple[tuple[Family, tuple[str, ...]], ...] = tuple(
    (family, tuple(categories.split()))
    for line in """
        dark, darker, darkest = horror crime drama thriller fantastic
        gritty, grittier, grittiest = crime history drama action
        excite, exciting, excitement = action thriller fantastic
        touching, touched, touchingly = drama romance family
        heartwarming, heart warming = family romance drama comedy
        mystery, mysterious, mysteries = crime thriller horror fantastic
        chase, chased, chasing = action thriller crime
        violent, violence, violently = crime horror action history
        epic, epics = history action fantastic drama
        creature, creatures = horror fantastic family
        lighthearted, light hearted = comedy family romance
        charm, charming, charmed = romance comedy family
        kill, killers, killing = horror thriller crime
        sad, sadder, saddest, sadness = drama romance history
        imagine, imaginative, imagination = fantastic family
        gun, guns, gunman = action crime history thriller
        friend, friends, friendship = comedy family drama
        secret, secrets, secretive = thriller crime drama
        weird, weirder, weirdest = fantastic horror comedy
        danger, dangers, dangerous = action thriller crime
        true story, true stories = history drama crime
        date movie, date movies = romance comedy horror
        disturb, disturbing, disturbed = horror thriller drama
        sweet, sweeter, sweetest = romance family comedy
        intense, intensely, intensity = thriller drama action
        brave, bravery, bravest = history action family
        quirky, quirkier, quirkiest = comedy romance drama
        emotion, emotional, emotions = drama romance
        escape, escaping, escaped = action thriller history
        villain, villains, villainous = action fantastic crime
        clever, cleverly, cleverness = comedy crime thriller
        uplift, uplifting, uplifted = family drama romance
        courage, courageous = history drama action
        shock, shocking, shocked = horror thriller
        legend, legends, legendary = fantastic action history
        teen, teens, teenager, teenagers = comedy romance horror
        dream, dreams, dreamy, dreaming = fantastic romance drama
        princess, princesses, prince = family fantastic romance
        power, powerful, powers = drama fantastic action
        jealous, jealousy = romance thriller drama
    """.strip().splitlines()
    for family_text, categories in [line.split("=")]
    for family in _families(family_text)
)

NOUNS = ("movie", "movies", "film", "films", "flick", "one", "picture", "something", "stuff", "video")
CARRIERS = (
    "{}", "{}", "{}", "{}", "{}", "{}", "a {}", "some {}", "any {}", "good {}", "best {}", "really {}", "looking for {}", "want {}",
    "i want {}", "get me {}", "find me {}", "anything {}", "need {}", "{} please", "{} for tonight", "{} to watch", "recommend {}",
    "in the mood for {}", "{} for the weekend", "do you have {}", "gift for someone who likes {}", "{} with friends over", "lots of {}",
    "very {}", "not too long {}", "classic {}", "cheap {}", "popular {}", "something {}", "something with {}", "one about {}", "about {}",
)  # fmt: skip
JOINTS = (" ", " ", " ", " and ", " with ", " ")

GENRE_JOINTS = ("{} with {}", "{} with some {}", "{} and {}", "{} plus {}", "{} {}", "{} with a bit of {}")
YEAR_JOINTS = ("{} {}", "{} from {}", "{} of {}", "{} {}")
DECADE_JOINTS = ("{} {}", "{} from the {}", "{} of the {}", "{} {}")

_DECADES = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")


def decade_words(year: int) -> tuple[str, ...]:
    """The spellings of a year's decade, all of which are indexed: 1985 → ("1980s", "80s", "eighties")."""
    decade = year // 10 % 10
    if not 1920 <= year <= 1999:
        return (f"{year // 10 * 10}s",)
    return (f"{year // 10 * 10}s", f"{decade}0s", _DECADES[decade - 2])
