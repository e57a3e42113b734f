from config.models.clinics import Clinic, Closure, OpeningHours, Terms
from config.models.staff import ApiToken, Invitation, User

__all__ = ["ApiToken", "Clinic", "Closure", "Invitation", "OpeningHours", "Terms", "User"]
