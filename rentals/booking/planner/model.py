"""The exact part: some reservations and their choices as a model of zeros and ones, solved by CP-SAT.

The solver runs with one worker, a fixed seed and a limit on its counted work, so the same input has the same answer.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rentals.booking.planner.neighbourhood import Choices
from rentals.booking.planner.site import Plan, PlannedDevice, Reservation, carried_by

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpSolver, IntVar, LinearExprT

    Terms = list[tuple[IntVar, int]]
    """Variables with their weights: a sum to make small."""


WORK = 0.8
"""The solver's deterministic time and the building, counted, not timed: about so many seconds if nothing else runs."""
SECONDS = 1.5
"""The brake for emergencies: where it strikes (an overloaded machine), the same input may have two answers."""
BUILDING = 3e-5
"""The work of one choice: to find it and to put it into a model."""


class Effort:
    """What the solver may still do for one plan; loads the solver, which takes a quarter of a second once a process."""

    def __init__(self) -> None:
        from ortools.sat.python import cp_model

        self.cp_model = cp_model
        self.work = WORK
        self.stop = time.monotonic() + SECONDS

    @property
    def seconds(self) -> float:
        return max(self.stop - time.monotonic(), 0)


@dataclass(frozen=True)
class Choice:
    """A reservation on a device: taken or not."""

    reservation: Reservation
    device: PlannedDevice
    taken: "IntVar"


def placed(plan: Plan, choices: Choices, effort: Effort) -> Plan:
    """`plan` with its choices taken so that it leaves the fewest unplaced, the latest starts, and moves the fewest."""
    model = _Model(plan, choices, effort)
    model.minimise(model.placing(), share=0.1)
    return model.plan()


def perfected(plan: Plan, choices: Choices, effort: Effort, *, placing_is_best: bool) -> Plan:
    """`plan` with its choices taken in the best way, in the order of `Plan.rank`, as far as the limits allow."""
    model = _Model(plan, choices, effort)
    placing = model.placing()
    if placing_is_best or model.minimise(placing):
        model.hold(placing)
        stranding = model.stranding()
        if model.minimise(stranding):
            model.hold(stranding)
            model.minimise(model.ties())
    return model.plan()


class _Model:
    """The choices, the rules between them, and the values found so far: those of the plan to begin with."""

    def __init__(self, plan: Plan, choices: Choices, effort: Effort) -> None:
        self.cp_model = effort.cp_model
        self.model = effort.cp_model.CpModel()
        self.start, self.site, self.effort = plan, plan.site, effort
        self.variables: list[IntVar] = []
        self.values: list[int] = []
        self.rows = [row for row, _ in choices]
        movable = {row.id for row in self.rows}
        self.staying = carried_by((row for row in self.site.reservations if row.id not in movable), plan.where)
        self.choices = [
            Choice(row, device, self._variable(plan.where[row.id] == device.id))
            for row, devices in choices
            for device in devices
        ]
        effort.work -= BUILDING * len(self.choices)
        for _, of_one in groupby(self.choices, key=lambda choice: choice.reservation.id):
            self._at_most_one(of_one)
        for device, on_it in self._by_device():
            self._constrain(device, on_it)

    def _variable(self, value: bool) -> "IntVar":
        self.variables.append(self.model.new_bool_var(""))
        self.values.append(value)
        return self.variables[-1]

    def _any_of(self, choices: Sequence[Choice]) -> "IntVar":
        """A variable that is 1 if any of `choices` is taken."""
        any_taken = self._variable(any(self.values[choice.taken.index] for choice in choices))
        for choice in choices:
            self.model.add_implication(choice.taken, any_taken)
        return any_taken

    def _at_most_one(self, choices: Iterable[Choice]) -> None:
        self.model.add_at_most_one(choice.taken for choice in choices)

    def _sum(self, terms: "Terms") -> "LinearExprT":
        variables, weights = [variable for variable, _ in terms], [weight for _, weight in terms]
        return self.cp_model.LinearExpr.weighted_sum(variables, weights)

    def _by_device(self) -> Iterator[tuple[PlannedDevice, list[Choice]]]:
        ordered = sorted(self.choices, key=lambda choice: (choice.device.id, choice.reservation.id))
        for device, choices in groupby(ordered, key=lambda choice: choice.device.id):
            yield self.site.device[device], list(choices)

    def _constrain(self, device: PlannedDevice, choices: list[Choice]) -> None:
        """The rules of a sound plan between choices; beside what stays each is sound already."""
        for clique in cliques(device, choices):
            self._at_most_one(clique)
        if not device.reusable:
            self._one_patient(choices)
        if device.free is not None:
            self._within_capacity(device, device.free, choices)

    def _one_patient(self, choices: list[Choice]) -> None:
        """I3 of a device that is not reusable."""
        ordered = sorted(choices, key=lambda choice: (choice.reservation.patient, choice.reservation.id))
        patients = [list(group) for _, group in groupby(ordered, key=lambda choice: choice.reservation.patient)]
        if len(patients) > 1:
            self.model.add_at_most_one(self._any_of(group) for group in patients)

    def _within_capacity(self, device: PlannedDevice, free: int, choices: list[Choice]) -> None:
        """I2: the free treatments are enough; those at the observed pace too, once anything is new on it."""
        staying = self.staying[device.id]
        needed = [(choice.taken, choice.reservation.treatments) for choice in choices]
        new = [choice for choice in choices if choice.reservation.device != device.id]
        if device.free_at_pace is not None:
            at_pace = min(free, device.free_at_pace)
            if any(row.device != device.id for row in staying):
                free = at_pace
            elif new:
                needed.append((self._any_of(new), free - at_pace))
        self.model.add(self._sum(needed) <= free - sum(row.treatments for row in staying))

    def placing(self) -> "Terms":
        """Fewest unplaced, then those that start latest, then fewest moves."""
        horizon = max((row.first_day for row in self.rows), default=0)
        one = 1 + sum(horizon - row.first_day for row in self.rows)
        step = 1 + len(self.rows)
        return [
            (
                choice.taken,
                choice.reservation.moves_to(choice.device.id) - step * (one + horizon - choice.reservation.first_day),
            )
            for choice in self.choices
        ]

    def stranding(self) -> "Terms":
        """Least stranded treatments: what a device has once it is used, less what is used of it."""
        opened = [
            (self._opened(device.free, choices), device.free)
            for device, choices in self._by_device()
            if device.free and not self.staying[device.id]
        ]
        return opened + [
            (choice.taken, self.site.unknown_cost if choice.device.free is None else -choice.reservation.treatments)
            for choice in self.choices
        ]

    def _opened(self, free: int, choices: list[Choice]) -> "IntVar":
        """Whether a device on which nothing stays is used; the sum says no more, but bounds better."""
        used = self._any_of(choices)
        self.model.add(self._sum([(choice.taken, choice.reservation.treatments) for choice in choices]) <= free * used)
        return used

    def ties(self) -> "Terms":
        """Small devices, then long idle ones, then lower ids."""
        position = 1 + len(self.rows) * len(self.site.devices)
        idle = 1 + len(self.rows) * max((device.idle_rank for device in self.site.devices), default=0)
        return [
            (
                choice.taken,
                (choice.device.nominal * idle + choice.device.idle_rank) * position
                + self.site.position[choice.device.id],
            )
            for choice in self.choices
        ]

    def hold(self, terms: "Terms") -> None:
        """No later answer may be worse in `terms` than the values found so far."""
        found = sum(self.values[variable.index] * weight for variable, weight in terms)
        self.model.add(self._sum(terms) <= found)

    def minimise(self, terms: "Terms", share: float = 0.5) -> bool:
        """Look for better values with a share of the work left; returns whether none can be better."""
        self.model.minimize(self._sum(terms))
        self.model.clear_hints()
        for variable, value in zip(self.variables, self.values, strict=True):
            self.model.add_hint(variable, value)
        solver = self._solver(share * self.effort.work)
        status = solver.solve(self.model)
        self.effort.work -= solver.response_proto.deterministic_time
        if status in (self.cp_model.OPTIMAL, self.cp_model.FEASIBLE):
            self.values = list(solver.response_proto.solution)
        return status == self.cp_model.OPTIMAL

    def _solver(self, work: float) -> "CpSolver":
        """CP-SAT with little of its presolving, which takes longer here than it saves."""
        solver = self.cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 1
        solver.parameters.catch_sigint_signal = False
        solver.parameters.max_deterministic_time = max(work, 0)
        solver.parameters.max_time_in_seconds = self.effort.seconds
        solver.parameters.max_presolve_iterations = 1
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        solver.parameters.linearization_level = 2
        return solver

    def plan(self) -> Plan:
        """The plan of the values found."""
        taken = {choice.reservation.id: choice.device.id for choice in self.choices if self.values[choice.taken.index]}
        return Plan(self.site, self.start.where | {row.id: taken.get(row.id) for row in self.rows})


def cliques(device: PlannedDevice, choices: list[Choice]) -> Iterator[list[Choice]]:
    """The largest sets of choices that all block `device` on one day; of each, one at most can be taken."""
    present: list[Choice] = []
    for choice in sorted(choices, key=lambda choice: choice.reservation.span_on(device)):
        start, _ = choice.reservation.span_on(device)
        still = [other for other in present if other.reservation.span_on(device)[1] > start]
        if len(still) < len(present) > 1:
            yield present
        present = [*still, choice]
    if len(present) > 1:
        yield present
