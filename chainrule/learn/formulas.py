"""The formulas of the lessons, as LaTeX and as plain text, each with its source and the function that computes it."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.reports import Page

MADE = "MADE (arXiv:1502.03509)"
PIXEL_RNN = "PixelRNN (arXiv:1601.06759)"
BACKPROP = "backpropagation (Rumelhart, Hinton, Williams 1986)"
LEARN = "chainrule.learn."
LAYERS = "chainrule.layers."


@dataclass(frozen=True)
class Formula:
    """Hold a formula, its source, and where it is implemented.

    Attributes:
        latex: the formula as LaTeX.
        text: the formula as plain text, with x_{i} for subscripts and M^{W} for superscripts.
        source: the paper, and its section or equation.
        implementation: the dotted name of the function, method or class that computes the formula.
        topic: the name of the lesson that explains the formula.
    """

    latex: str
    text: str
    source: str
    implementation: str
    topic: str


FORMULAS: dict[str, Formula] = {
    "product-rule": Formula(
        r"p(\mathbf{x}) = \prod_{d=1}^{D} p(x_d \mid x_{<d}), \qquad x_{<d} = [x_1, \dots, x_{d-1}]^{\top}",
        "p(x) = ∏_{d} p(x_{d} | x_{<d}),  x_{<d} = [x_{1}, …, x_{d−1}]",
        f"{MADE}, section 3", LEARN + "product_rule.multiply_conditionals", "autoregression",
    ),
    "four-factors": Formula(
        r"p(\mathbf{x}) = p(x_1)\,p(x_2 \mid x_1)\,p(x_3 \mid x_2, x_1)\,p(x_4 \mid x_3, x_2, x_1)",
        "p(x) = p(x_{1}) p(x_{2} | x_{1}) p(x_{3} | x_{2}, x_{1}) p(x_{4} | x_{3}, x_{2}, x_{1})",
        f"{MADE}, section 3", LEARN + "product_rule.factorize_joint", "autoregression",
    ),
    "linear-autoregression": Formula(
        r"x_t = c + \sum_{i=1}^{p} \varphi_i\, x_{t-i} + \varepsilon_t",
        "x_{t} = c + Σ_{i} φ_{i} x_{t−i} + ε_{t}",
        "linear autoregression of order p (Yule 1927)", LEARN + "time_series.LinearAR", "autoregression",
    ),
    "chain-z1": Formula(
        "z_1 = a_0 w_1 + b_1", "z_{1} = a_{0} w_{1} + b_{1}",
        BACKPROP, LEARN + "backpropagation.forward_chain", "backprop",
    ),
    "chain-a1": Formula(
        "a_1 = A(z_1)", "a_{1} = A(z_{1})",
        BACKPROP, LEARN + "backpropagation.forward_chain", "backprop",
    ),
    "chain-z2": Formula(
        "z_2 = a_1 w_2 + b_2", "z_{2} = a_{1} w_{2} + b_{2}",
        BACKPROP, LEARN + "backpropagation.forward_chain", "backprop",
    ),
    "chain-a2": Formula(
        "a_2 = A(z_2)", "a_{2} = A(z_{2})",
        BACKPROP, LEARN + "backpropagation.forward_chain", "backprop",
    ),
    "chain-cost": Formula(
        "c = C(a_2, y)", "c = C(a_{2}, y)",
        BACKPROP, LEARN + "backpropagation.forward_chain", "backprop",
    ),
    "chain-w2": Formula(
        r"\frac{\partial c}{\partial w_2} = \frac{\partial z_2}{\partial w_2} \times"
        r" \frac{\partial a_2}{\partial z_2} \times \frac{\partial c}{\partial a_2}",
        "∂c/∂w_{2} = ∂z_{2}/∂w_{2} × ∂a_{2}/∂z_{2} × ∂c/∂a_{2}",
        BACKPROP, LEARN + "backpropagation.backward_chain", "backprop",
    ),
    "chain-w1": Formula(
        r"\frac{\partial c}{\partial w_1} = \frac{\partial z_1}{\partial w_1} \times"
        r" \frac{\partial a_1}{\partial z_1} \times \frac{\partial z_2}{\partial a_1} \times"
        r" \frac{\partial a_2}{\partial z_2} \times \frac{\partial c}{\partial a_2}",
        "∂c/∂w_{1} = ∂z_{1}/∂w_{1} × ∂a_{1}/∂z_{1} × ∂z_{2}/∂a_{1} × ∂a_{2}/∂z_{2} × ∂c/∂a_{2}",
        BACKPROP, LEARN + "backpropagation.backward_chain", "backprop",
    ),
    "neuron-z": Formula(
        "z^{(L)} = w^{(L)} a^{(L-1)} + b^{(L)}", "z^{(L)} = w^{(L)} a^{(L−1)} + b^{(L)}",
        BACKPROP, LEARN + "backpropagation.forward", "backprop",
    ),
    "neuron-a": Formula(
        r"a^{(L)} = \sigma(z^{(L)})", "a^{(L)} = σ(z^{(L)})",
        BACKPROP, LEARN + "backpropagation.forward", "backprop",
    ),
    "neuron-cost": Formula(
        r"C_0(\dots) = (a^{(L)} - y)^2", "C_{0} = (a^{(L)} − y)^{2}",
        BACKPROP, LEARN + "backpropagation.cost", "backprop",
    ),
    "neuron-weight": Formula(
        r"\frac{\partial C_0}{\partial w^{(L)}} = \frac{\partial z^{(L)}}{\partial w^{(L)}}"
        r" \frac{\partial a^{(L)}}{\partial z^{(L)}} \frac{\partial C_0}{\partial a^{(L)}}",
        "∂C_{0}/∂w^{(L)} = ∂z^{(L)}/∂w^{(L)} · ∂a^{(L)}/∂z^{(L)} · ∂C_{0}/∂a^{(L)}",
        BACKPROP, LEARN + "backpropagation.backward", "backprop",
    ),
    "layer-z": Formula(
        r"z_j^{(L)} = \dots + w_{jk}^{(L)} a_k^{(L-1)} + \dots",
        "z_{j}^{(L)} = … + w_{jk}^{(L)} a_{k}^{(L−1)} + …",
        BACKPROP, LEARN + "backpropagation.forward", "backprop",
    ),
    "layer-a": Formula(
        r"a_j^{(L)} = \sigma(z_j^{(L)})", "a_{j}^{(L)} = σ(z_{j}^{(L)})",
        BACKPROP, LEARN + "backpropagation.forward", "backprop",
    ),
    "layer-cost": Formula(
        r"C_0 = \sum_{j=0}^{n_L - 1} (a_j^{(L)} - y_j)^2", "C_{0} = Σ_{j} (a_{j}^{(L)} − y_{j})^{2}",
        BACKPROP, LEARN + "backpropagation.cost", "backprop",
    ),
    "layer-weight": Formula(
        r"\frac{\partial C_0}{\partial w_{jk}^{(L)}} = \frac{\partial z_j^{(L)}}{\partial w_{jk}^{(L)}}"
        r" \frac{\partial a_j^{(L)}}{\partial z_j^{(L)}} \frac{\partial C_0}{\partial a_j^{(L)}}",
        "∂C_{0}/∂w_{jk}^{(L)} = ∂z_{j}^{(L)}/∂w_{jk}^{(L)} · ∂a_{j}^{(L)}/∂z_{j}^{(L)} · ∂C_{0}/∂a_{j}^{(L)}",
        BACKPROP, LEARN + "backpropagation.backward", "backprop",
    ),
    "layer-below": Formula(
        r"\frac{\partial C_0}{\partial a_k^{(L-1)}} = \sum_{j=0}^{n_L - 1}"
        r" \frac{\partial z_j^{(L)}}{\partial a_k^{(L-1)}} \frac{\partial a_j^{(L)}}{\partial z_j^{(L)}}"
        r" \frac{\partial C_0}{\partial a_j^{(L)}}",
        "∂C_{0}/∂a_{k}^{(L−1)} = Σ_{j} ∂z_{j}^{(L)}/∂a_{k}^{(L−1)} · ∂a_{j}^{(L)}/∂z_{j}^{(L)} · ∂C_{0}/∂a_{j}^{(L)}",
        BACKPROP, LEARN + "backpropagation.backward", "backprop",
    ),
    "encoder": Formula(
        r"\mathbf{h}(\mathbf{x}) = \mathbf{g}(\mathbf{b} + \mathbf{W}\mathbf{x})", "h(x) = g(b + W x)",
        f"{MADE}, section 2", LEARN + "autoencoder.Autoencoder.encode", "autoencoders",
    ),
    "decoder": Formula(
        r"\hat{\mathbf{x}} = \mathrm{sigm}(\mathbf{c} + \mathbf{V}\mathbf{h}(\mathbf{x}))", "x̂ = sigm(c + V h(x))",
        f"{MADE}, section 2", LEARN + "autoencoder.Autoencoder.decode", "autoencoders",
    ),
    "cross-entropy": Formula(
        r"\ell(\mathbf{x}) = \sum_{d=1}^{D} -x_d \log \hat{x}_d - (1 - x_d) \log(1 - \hat{x}_d)",
        "ℓ(x) = Σ_{d} −x_{d} log x̂_{d} − (1 − x_{d}) log(1 − x̂_{d})",
        f"{MADE}, section 2", LEARN + "binary_likelihoods.cross_entropy", "autoencoders",
    ),
    "output-probability": Formula(
        r"p(x_d = 1 \mid x_{<d}) = \hat{x}_d, \qquad p(x_d = 0 \mid x_{<d}) = 1 - \hat{x}_d",
        "p(x_{d} = 1 | x_{<d}) = x̂_{d},  p(x_{d} = 0 | x_{<d}) = 1 − x̂_{d}",
        f"{MADE}, section 3", LEARN + "binary_likelihoods.bernoulli_probs", "distributions",
    ),
    "likelihood-of-ones": Formula(
        r"\ell(\mathbf{x}) = \sum_{d=1}^{D} -x_d \log p(x_d = 1 \mid x_{<d})"
        r" - (1 - x_d) \log p(x_d = 0 \mid x_{<d})",
        "ℓ(x) = Σ_{d} −x_{d} log p(x_{d} = 1 | x_{<d}) − (1 − x_{d}) log p(x_{d} = 0 | x_{<d})",
        f"{MADE}, section 3", LEARN + "binary_likelihoods.cross_entropy", "distributions",
    ),
    "likelihood": Formula(
        r"\ell(\mathbf{x}) = \sum_{d=1}^{D} -\log p(x_d \mid x_{<d}) = -\log p(\mathbf{x})",
        "ℓ(x) = Σ_{d} −log p(x_{d} | x_{<d}) = −log p(x)",
        f"{MADE}, section 3", "chainrule.models.autoregressive.AutoregressiveModel.log_prob", "distributions",
    ),
    "masked-hidden": Formula(
        r"\mathbf{h}(\mathbf{x}) = \mathbf{g}(\mathbf{b} + (\mathbf{W} \odot \mathbf{M}^{\mathbf{W}})\mathbf{x})",
        "h(x) = g(b + (W ⊙ M^{W}) x)",
        f"{MADE}, section 4", LAYERS + "linear.MaskedLinear.forward", "masks",
    ),
    "masked-output": Formula(
        r"\hat{\mathbf{x}} = \mathrm{sigm}(\mathbf{c} + (\mathbf{V} \odot \mathbf{M}^{\mathbf{V}})"
        r"\mathbf{h}(\mathbf{x}))",
        "x̂ = sigm(c + (V ⊙ M^{V}) h(x))",
        f"{MADE}, section 4", LAYERS + "linear.MaskedLinear.forward", "masks",
    ),
    "mask-hidden": Formula(
        r"M^{\mathbf{W}}_{k,d} = 1_{m(k) \geq d}, \qquad k \in \{1, \dots, K\},\ d \in \{1, \dots, D\}",
        "M^{W}_{k,d} = 1 if m(k) ≥ d, else 0",
        f"{MADE}, section 4", LAYERS + "masks.degree_mask", "masks",
    ),
    "mask-output": Formula(
        r"M^{\mathbf{V}}_{d,k} = 1_{d > m(k)}, \qquad k \in \{1, \dots, K\},\ d \in \{1, \dots, D\}",
        "M^{V}_{d,k} = 1 if d > m(k), else 0",
        f"{MADE}, section 4", LAYERS + "masks.degree_mask", "masks",
    ),
    "mask-deep": Formula(
        r"M^{\mathbf{W}^l}_{k',k} = 1_{m^l(k') \geq m^{l-1}(k)}",
        "M^{Wˡ}_{k',k} = 1 if m^{l}(k') ≥ m^{l−1}(k), else 0",
        f"{MADE}, section 4", LAYERS + "masks.degree_mask", "masks",
    ),
    "mask-last": Formula(
        r"M^{\mathbf{V}}_{d,k} = 1_{d > m^L(k)}", "M^{V}_{d,k} = 1 if d > m^{L}(k), else 0",
        f"{MADE}, section 4", LAYERS + "masks.degree_mask", "masks",
    ),
    "mask-direct": Formula(
        r"M^{\mathbf{A}}_{d',d} = 1_{d' > d}", "M^{A}_{d',d} = 1 if d' > d, else 0",
        f"{MADE}, section 4", LAYERS + "masks.degree_mask", "masks",
    ),
    "mask-product": Formula(
        r"(\mathbf{M}^{\mathbf{V}} \mathbf{M}^{\mathbf{W}})_{d',d} = 0 \quad \text{for } d \geq d'",
        "(M^{V} M^{W})_{d',d} = 0 where d ≥ d'",
        f"{MADE}, section 4", LEARN + "made_masks.count_paths", "masks",
    ),
    "convolution": Formula(
        r"y_{i,j} = \sum_{a} \sum_{b} k_{a,b}\, x_{si + a,\, sj + b}",
        "y_{i,j} = Σ_{a} Σ_{b} k_{a,b} x_{s·i+a, s·j+b}",
        "discrete convolution, as networks have it (cross-correlation)",
        LEARN + "convolution_arithmetic.convolve", "convolution",
    ),
    "image": Formula(
        r"p(\mathbf{x}) = \prod_{i=1}^{n^2} p(x_i \mid x_1, \dots, x_{i-1})",
        "p(x) = ∏_{i} p(x_{i} | x_{1}, …, x_{i−1}),  i = 1, …, n^{2}",
        f"{PIXEL_RNN}, equation 1", "chainrule.models.autoregressive.AutoregressiveModel.log_prob", "convolution",
    ),
    "colours": Formula(
        r"p(x_i \mid \mathbf{x}_{<i}) = p(x_{i,R} \mid \mathbf{x}_{<i})\, p(x_{i,G} \mid \mathbf{x}_{<i}, x_{i,R})\,"
        r" p(x_{i,B} \mid \mathbf{x}_{<i}, x_{i,R}, x_{i,G})",
        "p(x_{i} | x_{<i}) = p(x_{i,R} | x_{<i}) p(x_{i,G} | x_{<i}, x_{i,R}) p(x_{i,B} | x_{<i}, x_{i,R}, x_{i,G})",
        f"{PIXEL_RNN}, equation 2", LEARN + "causal_convolution.colour_log_probs", "convolution",
    ),
    "mask-a": Formula(
        r"M^{A}_{c',c} = 1_{c' > c} \quad \text{at the kernel's centre}",
        "M^{A}_{c',c} = 1 if c' > c, else 0, at the kernel's centre; 1 before it, 0 after it",
        f"{PIXEL_RNN}, section 3.4", LAYERS + "masks.convolution_mask", "convolution",
    ),
    "mask-b": Formula(
        r"M^{B}_{c',c} = 1_{c' \geq c} \quad \text{at the kernel's centre}",
        "M^{B}_{c',c} = 1 if c' ≥ c, else 0, at the kernel's centre; 1 before it, 0 after it",
        f"{PIXEL_RNN}, section 3.4", LAYERS + "masks.convolution_mask", "convolution",
    ),
    "residual": Formula(
        r"\mathbf{h}^{l+1} = \mathbf{h}^{l} + F(\mathbf{h}^{l})", "h^{l+1} = h^{l} + F(h^{l})",
        f"{PIXEL_RNN}, section 3.3 and figure 5", LAYERS + "residual.ResidualBlock.forward", "convolution",
    ),
    "recurrent": Formula(
        r"\mathbf{h}_t = \tanh(\mathbf{W}\mathbf{x}_t + \mathbf{U}\mathbf{h}_{t-1} + \mathbf{b})",
        "h_{t} = tanh(W x_{t} + U h_{t−1} + b)",
        "the plain recurrent network (Elman 1990)", LEARN + "recurrent_networks.rnn_step", "recurrence",
    ),
    "fading": Formula(
        r"\frac{\partial \mathbf{h}_T}{\partial \mathbf{h}_t} = \prod_{s=t+1}^{T}"
        r" \mathrm{diag}(1 - \mathbf{h}_s^2)\, \mathbf{U}",
        "∂h_{T}/∂h_{t} = ∏_{s} diag(1 − h_{s}^{2}) U,  s = T, …, t+1",
        "vanishing gradients (Hochreiter 1991; Bengio, Simard, Frasconi 1994)",
        LEARN + "recurrent_networks.rnn_jacobian", "recurrence",
    ),
    "lstm-gates": Formula(
        r"[\mathbf{o}_i, \mathbf{f}_i, \mathbf{i}_i, \mathbf{g}_i] = \sigma(\mathbf{K}^{ss} \circledast"
        r" \mathbf{h}_{i-1} + \mathbf{K}^{is} \circledast \mathbf{x}_i)",
        "[o, f, i, g] = σ(K^{ss} ⊛ h_{i−1} + K^{is} ⊛ x_{i}), with tanh for g",
        f"{PIXEL_RNN}, equation 3", LEARN + "recurrent_networks.lstm_step", "recurrence",
    ),
    "lstm-cell": Formula(
        r"\mathbf{c}_i = \mathbf{f}_i \odot \mathbf{c}_{i-1} + \mathbf{i}_i \odot \mathbf{g}_i",
        "c_{i} = f_{i} ⊙ c_{i−1} + i_{i} ⊙ g_{i}",
        f"{PIXEL_RNN}, equation 3", LEARN + "recurrent_networks.lstm_step", "recurrence",
    ),
    "lstm-hidden": Formula(
        r"\mathbf{h}_i = \mathbf{o}_i \odot \tanh(\mathbf{c}_i)", "h_{i} = o_{i} ⊙ tanh(c_{i})",
        f"{PIXEL_RNN}, equation 3", LEARN + "recurrent_networks.lstm_step", "recurrence",
    ),
    "ensemble": Formula(
        r"p(\mathbf{x}) = \frac{1}{K} \sum_{k=1}^{K} p_k(\mathbf{x})", "p(x) = 1/K Σ_{k} p_{k}(x)",
        f"{MADE}, section 4.2", "chainrule.models.ensemble.Ensemble.log_prob", "orders",
    ),
    "softmax": Formula(
        r"p(x_i = v \mid \mathbf{x}_{<i}) = \frac{e^{z_v}}{\sum_{u=0}^{255} e^{z_u}}",
        "p(x_{i} = v | x_{<i}) = e^{z_v} / Σ_{u} e^{z_u},  u = 0, …, 255",
        f"{PIXEL_RNN}, section 2.2", "chainrule.distributions.Conditionals.log_prob", "outputs",
    ),
    "rounded-gaussian": Formula(
        r"P(v) = \Phi\!\left(\frac{v + \frac{1}{2} - \mu}{\sigma}\right) -"
        r" \Phi\!\left(\frac{v - \frac{1}{2} - \mu}{\sigma}\right)",
        "P(v) = Φ((v + ½ − μ)/σ) − Φ((v − ½ − μ)/σ)",
        "PixelCNN++ (arXiv:1701.05517), section 2.1, which has it for logistics",
        LEARN + "pixel_outputs.discretize_gaussian", "outputs",
    ),
}  # fmt: skip
"""All formulas by name, in the order of the lessons."""


def add_formulas(page: Page, *names: str) -> None:
    """Add formulas to a page, each on its own line.

    Args:
        page: the page of a lesson.
        names: keys of `FORMULAS`.

    Example:
        >>> page = Page("Masks")
        >>> add_formulas(page, "mask-output")
        >>> "M<sup>V</sup><sub>d,k</sub> = 1 if d &gt; m(k), else 0" in page.html()
        True
    """
    for name in names:
        page.formula(FORMULAS[name].text, FORMULAS[name].latex)
