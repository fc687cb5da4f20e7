"""Points in time as people say them, in the user's zone and language."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

__all__ = ["LANGUAGES", "date_said", "month_said", "said", "short_tag"]

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
}
_NEAR = {
    "en": ("today", "yesterday", "tomorrow"),
    "de": ("heute", "gestern", "morgen"),
    "es": ("hoy", "ayer", "mañana"),
    "fr": ("aujourd'hui", "hier", "demain"),
}
_LAST = {"en": "last {day}", "de": "letzten {day}", "es": "el {day} pasado", "fr": "{day} dernier"}
_FULL = {
    "en": "{d} {month} {year}",
    "de": "{d}. {month} {year}",
    "es": "{d} de {month} de {year}",
    "fr": "{d} {month} {year}",
}
_SAME_YEAR = {"en": "{d} {month}", "de": "{d}. {month}", "es": "{d} de {month}", "fr": "{d} {month}"}
_MONTH_ONLY = {"en": "{month} {year}", "de": "{month} {year}", "es": "{month} de {year}", "fr": "{month} {year}"}

LANGUAGES = tuple(_MONTHS)
"""Languages that dates are written in; others get English."""


def said(moment: datetime, now: datetime, zone: tzinfo, language: str = "en") -> str:
    """``moment`` seen from ``now``: "today", "yesterday", "last Tuesday", "3 May", "3 May 2023"."""
    language = _language(language)
    day, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    ago = (today - day).days
    if -1 <= ago <= 1:
        return _NEAR[language][ago if ago >= 0 else 2]
    if 1 < ago < 7:
        return _LAST[language].format(day=_DAYS[language].split()[day.weekday()])
    form = _SAME_YEAR if day.year == today.year else _FULL
    return _filled(form[language], moment.astimezone(zone), language)


def date_said(day: date, language: str = "en") -> str:
    """The day: "3 May 2023"."""
    language = _language(language)
    return _filled(_FULL[language], day, language)


def month_said(moment: datetime, zone: tzinfo, language: str = "en") -> str:
    """The month of ``moment``: "May 2023"."""
    language = _language(language)
    return _filled(_MONTH_ONLY[language], moment.astimezone(zone), language)


def short_tag(tag: str) -> str:
    """The language of a tag: "de" of "de-AT"."""
    return tag.split("-")[0].lower()


def _language(tag: str) -> str:
    short = short_tag(tag)
    return short if short in _MONTHS else "en"


def _filled(form: str, moment: date, language: str) -> str:
    month = _MONTHS[language].split()[moment.month - 1]
    return form.format(
        d=f"{moment.day}er" if language == "fr" and moment.day == 1 else moment.day, month=month, year=moment.year
    )
