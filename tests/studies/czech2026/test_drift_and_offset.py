"""Experiment 3: offsets bias intercepts alone, drifts the exponents too."""

from scalinglaws.studies.czech2026._drift_and_offset import drift_and_offset


def test_a_constant_offset_leaves_the_exponents_alone():
    table = drift_and_offset(quick=True)["drift_and_offset"]
    parabola = table[table["estimator"] == "parabola"].set_index(["surface", "bias"])
    errors = parabola["a_error_percent"].abs().unstack("bias")
    assert errors[["baseline", "scale_1.5", "scale_2.0"]].max(axis=None) < 1e-9
    assert errors[["drift_0.2", "drift_0.4"]].min(axis=None) > 0.1
    prefactor = parabola["N_prefactor_error_percent"].abs().unstack("bias")
    assert prefactor["baseline"]["symmetric"] < 1e-9 < prefactor["scale_2.0"].min()
