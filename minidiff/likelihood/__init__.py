"""Section 4: bounds on the likelihood and densities. Nats inside; bits_per_dim is the last step."""
from .bits import bits_per_dim
from .decoder import discretised_log_prob
from .flow import divergence_of, flow_log_prob
from .vlb import VLB, decoder_nats, pair_costs, prior_nats, step_kl, vlb_terms

__all__ = ["VLB", "bits_per_dim", "decoder_nats", "discretised_log_prob", "divergence_of",
           "flow_log_prob", "pair_costs", "prior_nats", "step_kl", "vlb_terms"]
