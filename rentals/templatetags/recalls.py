"""How the pages of recalls say whether a patient can be told."""

from django import template

from rentals.recall import contact_of

register = template.Library()

register.filter("contact", contact_of)
