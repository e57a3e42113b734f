"""A believable clinic to try Callus with, lived through day by day by the domain verbs.

- `stories`: every rental, as days from today; `scenes`: a story told, each verb at its moment;
- `fleet`: the units, and what the screen and the clock of each show; `people`: the patients and their injuries;
- `sites`: the two clinics, and the days and hours at which things happen there;
- `usage`: what the units logged, and the files in which it comes; `incidents`: what happens beside the rentals;
- `wishes`: what patients ask for on their pages, and what staff see to beside the hire;
- `mornings`: what runs by itself each day: the plan repaired, offers taken back, reminders planned and sent;
- `making`: all of it, in one transaction.
"""

from rentals.demo.making import make_demo_clinic

__all__ = ["make_demo_clinic"]
