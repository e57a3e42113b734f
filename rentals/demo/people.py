"""The patients of the demo: invented people with telephone numbers and addresses that nobody has."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random

from patients.models import Patient, Screening

SYDNEY_PATIENTS = """\
Amelia Whitford 1994-03-12 | Jarrah Okonkwo 1988-11-02 | Zoë Lindqvist 2001-06-30 | Priya Ramanathan 1979-01-19
Tom Delacroix 1997-09-05 | Mei Tanaka 1968-04-23 | Callum Fraser 1991-12-08 | Noor Haddad 1985-07-14
Giulia Benedetti 1953-02-27 | Lachlan Burke 2002-10-11 | Thi-Mai Nguyễn 1976-05-08 | Aroha Ngata 1990-08-19
Renée Fontaine 1962-12-30 | Declan Ó Briain 1983-03-17 | Simran Gill 1999-07-24 | Hamish Macallister 1971-09-01
Lowanna Simms 1987-01-26 | Björn Håkansson 1958-06-06 | Yusuf Demir 1995-04-14
Kavya Iyer 2000-02-09 | Marco De Luca 1966-10-03 | Sinéad Gallagher 1992-05-29 | Oliver Pemberton 1974-08-12
Ngaire Walters 1955-03-04 | Hyun-woo Park 1998-12-17 | Isabella Castañeda 1981-06-21 | Wei Zhang 1989-09-13
Petra Novák 1970-07-07 | Angus McIlroy 1996-01-31 | Fatima Rahimi 1984-10-25 | Beatrix Oyelaran 1993-04-02
Kirra Dunstan 2003-05-16 | Nikolaos Papadakis 1947-08-28 | Eloise Hartigan 1978-12-05 | Rangi Tautahi 1986-02-20"""

PERTH_PATIENTS = """\
Jasmine Okafor 1990-06-11 | Bruno Ferreira 1982-09-27 | Chloé Marchetti 1999-03-08 | Warwick Penhale 1959-12-14
Anjali Deshpande 1975-04-30 | Tyson Yarran 1995-11-06 | Siân Prichard 1967-02-18 | Matthew Okoro 1988-07-22
Ingrid Sørensen 1951-10-09 | Harper Vella 2001-01-15 | Minh Trần 1980-05-26 | Saoirse Kinnane 1997-08-03
Leila Mansouri 1993-12-01 | Cooper Stanmore 2002-06-17 | Rosa Jiménez 1972-09-10
Daisuke Mori 1986-04-05 | Bethany Cartledge 1964-11-29 | Arjun Menon 1991-02-13 | Freya Lockyer 1998-10-20
Tess Radcliffe 1983-01-07 | Viktor Hrdlička 1956-05-31 | Ebony Winmar 1994-08-24 | Joaquín Salas 1969-07-16"""

# Set aside for fiction by the Australian regulator, as is every landline number that begins with 5550.
MOBILES = """\
0491 570 006|0491 570 110|0491 570 156|0491 570 157|0491 570 158|0491 570 159|0491 570 313|0491 570 737
0491 571 266|0491 571 491|0491 571 804|0491 572 549|0491 572 665|0491 572 983|0491 573 087|0491 573 770
0491 574 118|0491 574 632|0491 575 254|0491 575 789|0491 576 398|0491 576 801|0491 577 426|0491 577 644
0491 578 148|0491 578 888|0491 578 957|0491 579 212|0491 579 455|0491 579 760"""

INJURIES = (
    ("stress_fatigue", "metatarsal", "Second metatarsal, seen on MRI"),
    ("stress_fatigue", "anterior_tibia", "Runner, pain for eight weeks, MRI grade 3"),
    ("stress_fatigue", "navicular", "Confirmed by CT; in a boot, no weight bearing"),
    ("stress_fatigue", "fibula", "MRI grade 2 after a change of training"),
    ("stress_fatigue", "femoral_neck", "Compression side, on crutches"),
    ("stress_fatigue", "calcaneus", "MRI grade 2"),
    ("fresh", "fifth_metatarsal", "Zone 2, in a boot"),
    ("delayed_union", "tibia", "Nailed five months ago, last plain film without bridging"),
)
INJURIES_OF_THE_OLDER = (
    ("stress_insufficiency", "sacrum", "Osteoporosis under treatment"),
    ("stress_insufficiency", "pubic_ramus", "Vitamin D low, supplemented"),
    ("fresh", "radius", "Distal radius in a cast, window cut at the site"),
    ("delayed_union", "humerus", "Plated, letter of the surgeon on file"),
    ("non_union", "fibula", "Eleven months, CT on file"),
    ("other", "other", "Clavicle, fourth month; letter of the surgeon on file"),
)
INJURIES_SLOW_TO_HEAL = (
    ("non_union", "tibia", "Nailed ten months ago, CT without bridging; further surgery is to be avoided"),
    ("non_union", "navicular", "Screw in place, CT on file; letter of the surgeon"),
    ("delayed_union", "fifth_metatarsal", "Zone 2, screw in place, fourth month without bridging"),
    ("non_union", "humerus", "Plated a year ago, CT on file"),
)
BORN_BEFORE = date(1970, 1, 1)  # the older

SCREENING_NOTES = (
    ("vascular", "Varicose veins; the clinician has seen the leg and has no objection."),
    ("sensation", "Less feeling in the forefoot since surgery; shown how to check the skin each day."),
    ("active_implant", "Pacemaker; the cardiologist was asked and agrees in writing."),
    ("displacement", "Over half before surgery, reduced and plated since; film on file."),
)


@dataclass(frozen=True)
class Person:
    """What reception writes down of one patient."""

    given_name: str
    family_name: str
    date_of_birth: date
    email: str
    phone: str
    email_reminders: bool = True


WITHOUT_EMAIL = Person("Gordon", "Blackwood", date(1945, 3, 21), "", "(08) 5550 0945")
WITHOUT_REMINDERS = Person(
    "Charlotte", "Abbott", date(1949, 11, 22), "charlotte@abbott.example", "(02) 5550 0949", email_reminders=False
)


def people() -> tuple[list[Person], list[Person]]:
    """The other patients, of Sydney and of Perth."""
    mobiles = iter(MOBILES.replace("\n", "|").split("|"))
    return listed(SYDNEY_PATIENTS, "02", mobiles), listed(PERTH_PATIENTS, "08", mobiles)


def listed(text: str, area_code: str, mobiles: Iterator[str]) -> list[Person]:
    """The people of `text`; every second one gives a mobile number while there are any."""
    found = []
    for number, entry in enumerate(text.replace("\n", " | ").split(" | ")):
        names, born = entry.rsplit(" ", 1)
        given_name, family_name = names.split(" ", 1)
        landline = f"({area_code}) 5550 {1001 + number}"
        phone = next(mobiles, landline) if number % 2 else landline
        address = f"{plain(given_name)}.{plain(family_name)}@example.com"
        found.append(Person(given_name, family_name, date.fromisoformat(born), address, phone))
    return found


def plain(name: str) -> str:
    """`name` as people write it in an e-mail address."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in letters if letter.isalnum()).lower()


def screening(chance: Random) -> Mapping[str, Mapping[str, str]]:
    """No to every warning; from one patient in eight a yes that the clinician has looked into."""
    answers = {warning: {"answer": "no", "note": ""} for warning in Screening.Warning.values}
    if chance.random() < 1 / 8:
        warning, note = chance.choice(SCREENING_NOTES)
        answers[warning] = {"answer": "yes", "note": note}
    return answers


def indication(patient: Patient, chance: Random, *, is_slow: bool) -> Mapping[str, str]:
    usual = INJURIES_OF_THE_OLDER if patient.date_of_birth < BORN_BEFORE else INJURIES
    kind, site, note = chance.choice(INJURIES_SLOW_TO_HEAL if is_slow else usual)
    return {"kind": kind, "site": site, "note": note}
