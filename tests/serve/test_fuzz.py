"""Every call of the API with generated inputs, valid and not: no 5xx, and only what OpenAPI declares."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import Service

# Left out: positive_data_acceptance. A query that the schema allows may name an item or a prompt that is not there.
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


EXAMPLES = 5


def test_every_call_keeps_its_word(service: Service) -> None:
    schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 19
    faults: list[str] = []
    for operation in operations:
        for mode in GenerationMode:
            try:
                fuzz(operation, mode)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # a call that takes nothing has no wrong input
            except (FailureGroup, Failure) as found:
                faults.append(f"{operation.label}: {found}")
    assert not faults, "\n\n".join(faults)


def fuzz(operation: APIOperation, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    call()
