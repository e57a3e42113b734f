from config.models.clinics import Clinic, Closure, OpeningHours, Terms
from config.models.staff import ApiToken, User

__all__ = ["ApiToken", "Clinic", "Closure", "OpeningHours", "Terms", "User"]
