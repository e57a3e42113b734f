"""Who works here, as what and where: invited, changed, switched off and on again.

Nobody decides about himself, and a manager for some sites decides only about who works at no others. The last manager
who can sign in stays one. Passwords are chosen by whoever they are for, behind a link that opens once.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from config.keys import digest_of, new_key
from config.models import Clinic, Invitation, User
from config.refusals import Refusal, invalid

LINK_LASTS = timedelta(days=7)
MANAGER = User.Role.MANAGER


def staff_seen_by(user: User) -> QuerySet[User]:
    """Those who work at sites of `user` and at no other, and `user`; everybody for one who sees every site."""
    named = user.clinics.all()
    if not named.exists():
        return User.objects.all()
    elsewhere = User.objects.filter(clinics__in=Clinic.objects.exclude(pk__in=named))
    here = User.objects.filter(clinics__in=named).exclude(pk__in=elsewhere.values("pk"))
    return User.objects.filter(Q(pk__in=here.values("pk")) | Q(pk=user.pk))


def invite(
    username: str, *, email: str, role: str, clinics: Collection[Clinic], at: datetime, actor: User
) -> tuple[User, str]:
    """Add a member of staff without a password; return the key of the link behind which it is chosen.

    No `clinics`: every site. Raises `invalid` (400) for a name that is taken or cannot be, and `another_site` for sites
    that are not the actor's to give.
    """
    with transaction.atomic():
        lock_managers(actor)
        refuse_sites_of_others(clinics, actor)
        if User.objects.filter(username__iexact=username).exists():
            raise invalid("username", _("Somebody has this user name already; choose another one."))
        user = User(username=username, email=email, role=role)
        user.set_unusable_password()
        cleaned(user)
        user.save(force_insert=True)
        user.clinics.set(clinics)
        return user, add_link(user, at=at, actor=actor)


def cleaned(user: User) -> None:
    try:
        user.full_clean()
    except ValidationError as error:
        [(field, problems), *_others] = error.message_dict.items()
        raise invalid("" if field == NON_FIELD_ERRORS else field, " ".join(problems)) from error


def new_link(user: User, *, at: datetime, actor: User) -> str:
    """A link behind which `user` chooses another password; the one in use stays good until then.

    Earlier links of `user` open nothing any more. Raises `wrong_state` for somebody who is switched off.
    """
    with transaction.atomic():
        user = locked(user, actor)
        if not user.is_active:
            raise Refusal(
                "wrong_state",
                _("%(user)s is switched off; switch the sign-in on again instead.") % {"user": user.username},
            )
        return add_link(user, at=at, actor=actor)


def add_link(user: User, *, at: datetime, actor: User) -> str:
    """The key of a new link, the only open one of `user`. Only its hash is kept."""
    open_links(at).filter(user=user).update(revoked_at=at)
    key = new_key()
    Invitation.objects.create(
        user=user, digest=digest_of(key), created_at=at, created_by=actor, expires_at=at + LINK_LASTS
    )
    return key


def open_links(at: datetime) -> QuerySet[Invitation]:
    """The links that open something at the moment `at`."""
    return Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=at, user__is_active=True)


def link_of(key: str, at: datetime) -> Invitation | None:
    """The link that `key` opens; None for a wrong, used, revoked or expired one alike."""
    return open_links(at).select_related("user").filter(digest=digest_of(key)).first()


def choose_password(key: str, password: str, *, at: datetime) -> User | None:
    """Use the link up: `password` is from now on its user's, and whoever is signed in by an older one no longer is.

    None where the key opens nothing. Raises `invalid` (400) at `password` for one that is too easy to guess; then the
    link stays open.
    """
    with transaction.atomic():
        link = open_links(at).select_for_update(of=("self",)).filter(digest=digest_of(key)).first()
        if link is None:
            return None
        user = link.user
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise invalid("password", " ".join(error.messages)) from error
        user.set_password(password)
        user.save(update_fields=["password"])
        Invitation.objects.filter(pk=link.pk).update(used_at=at)
    return user


def change_work(user: User, *, role: str, clinics: Collection[Clinic], actor: User) -> User:
    """Let `user` work as `role` at `clinics` (none: every site).

    Raises `yourself`, `another_site`, and `last_manager` where nobody else could undo it.
    """
    with transaction.atomic():
        user = locked(user, actor)
        refuse_oneself(user, actor)
        refuse_sites_of_others(clinics, actor)
        if role != MANAGER:
            refuse_last_manager(user)
        user.role = role
        cleaned(user)
        user.save(update_fields=["role"])
        user.clinics.set(clinics)
    return user


def switch_off(user: User, *, at: datetime, actor: User) -> User:
    """Close every way in for `user` at once: sessions, keys of the API, links, and the password itself.

    Raises `yourself`, `last_manager`.
    """
    with transaction.atomic():
        user = locked(user, actor)
        refuse_oneself(user, actor)
        refuse_last_manager(user)
        user.is_active = False
        user.set_unusable_password()  # a session is good for one password only: none comes back with the sign-in
        user.save(update_fields=["is_active", "password"])
        user.api_tokens.all().delete()
        Invitation.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=at)
    return user


def switch_on(user: User, *, at: datetime, actor: User) -> str:
    """Let `user` in again, with a password to be chosen behind the link whose key is returned."""
    with transaction.atomic():
        user = locked(user, actor)
        if user.is_active:
            raise Refusal("wrong_state", _("%(user)s can sign in already.") % {"user": user.username})
        user.is_active = True
        user.save(update_fields=["is_active"])
        return add_link(user, at=at, actor=actor)


def locked(user: User, actor: User) -> User:
    """`user` as it is now, with all managers locked. Raises `another_site` where that is not for `actor` to decide."""
    lock_managers(actor)
    if not staff_seen_by(actor).filter(pk=user.pk).exists():
        raise Refusal(
            "another_site", _("Whoever works at other sites, too, is for a manager of all of those."), status=403
        )
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def lock_managers(actor: User) -> None:
    """Lock all managers, so that two who decide about each other see each other. Raises `permission_denied` where
    `actor` is none (any more)."""
    managers = User.objects.filter(role=MANAGER, is_active=True).order_by("pk").select_for_update(no_key=True)
    if actor.pk not in list(managers.values_list("pk", flat=True)):
        raise Refusal("permission_denied", _("Only a manager may decide who works here."), status=403)


def refuse_oneself(user: User, actor: User) -> None:
    if user.pk == actor.pk:
        raise Refusal("yourself", _("Nobody decides about their own work here; ask another manager."))


def refuse_sites_of_others(clinics: Collection[Clinic], actor: User) -> None:
    """Raise `another_site` where `actor`, a manager for some sites, would give others, or all."""
    named = set(actor.clinics.values_list("pk", flat=True))
    given = {clinic.pk for clinic in clinics}
    if named and not (given and given <= named):
        raise Refusal(
            "another_site", _("Choose at least one of your own sites; others are not yours to give."), field="clinics"
        )


def refuse_last_manager(user: User) -> None:
    """Raise `last_manager` unless another manager can sign in. The caller holds the locks of `locked`."""
    others = User.objects.filter(role=MANAGER, is_active=True).exclude(pk=user.pk)
    if user.role == MANAGER and not others.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists():
        raise Refusal(
            "last_manager",
            _("%(user)s is the last manager who can sign in; have another one choose a password first.")
            % {"user": user.username},
        )
