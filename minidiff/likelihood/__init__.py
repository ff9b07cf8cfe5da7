"""Section 4: bounds on the likelihood and densities. Nats inside; bits_per_dim is the last step."""
from .bits import bin_width, bits_per_dim, dequantise
from .bounds import sde_bound
from .continuous import (continuous_vlb, diffusion_nats, draw_nats, even_times,
                         reconstruction_nats)
from .decoder import categorical_log_prob, discretised_log_prob
from .flow import divergence_of, draw_probe, flow_log_prob
from .vlb import VLB, decoder_nats, pair_costs, prior_nats, step_kl, vlb_terms

__all__ = ["VLB", "bin_width", "bits_per_dim", "categorical_log_prob", "continuous_vlb",
           "decoder_nats", "dequantise", "diffusion_nats", "discretised_log_prob", "divergence_of",
           "draw_nats", "draw_probe", "even_times", "flow_log_prob", "pair_costs", "prior_nats",
           "reconstruction_nats", "sde_bound", "step_kl",
           "vlb_terms"]
