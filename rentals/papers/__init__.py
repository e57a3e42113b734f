"""The papers of a rental: made by typst from its data, kept byte by byte."""

from rentals.papers.money import invoice_paper, receipt_paper, statement_paper

__all__ = ["invoice_paper", "receipt_paper", "statement_paper"]
