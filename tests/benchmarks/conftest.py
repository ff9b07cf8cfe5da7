"""The figures of the benchmarks as one short table: what they hold in `extra_info`, not the raw times."""

BUDGETS = {"test_sampler[ddim-VP]": 1.35, "test_sampler[ddim-DDPM]": 1.35, "test_sampler[dpm_solver_pp-2-VP]": 1.5,
           "test_sampler[dpm_solver_pp-2-DDPM]": 1.5, "test_training_step": 1.15, "test_training_step_with_average": 1.25,
           "test_import": 0.1, "test_error_against_calls[dpm_solver_pp-3-log_snr-10]": 0.034,
           "test_error_against_calls[dpm_solver_pp-3-log_snr-20]": 0.010}


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    for bench in session.benchmarks if session else ():
        figures = {key: value for key, value in bench.extra_info.items() if key != "calls"}
        for key, value in list(figures.items())[:1]:
            budget = f"budget {BUDGETS[bench.name]:g}" if bench.name in BUDGETS else ""
            name = bench.name.removeprefix("test_")
            terminalreporter.write_line(f"{name:46s} {key:40s} {value:<9g} {budget}")
