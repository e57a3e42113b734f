"""To whom a message goes: the patient, the contact person or the payer."""

from rentals.models import Message, Rental


def mail_address(message: Message) -> str:
    """The e-mail address of the message's recipient as it is known now; "" where there is none."""
    if message.recipient == Message.Recipient.PATIENT:
        return message.patient.email
    if message.recipient == Message.Recipient.CONTACT:
        contact = getattr(message.patient, "contact", None)  # a patient need not have one
        return contact.email if contact else ""
    # Bundled for one payer; where a rental has another by now, `judge_again` lets go of what is not for this one.
    rental = Rental.objects.filter(reminders__message=message).select_related("payer").order_by("pk").first()
    return rental.payer.email if rental and rental.payer else ""
