"""Minimax fits behind elementary/{f32,f64}.rs; run: python fit.py  (needs mpmath, numpy).

Remez exchange on a fixed Chebyshev grid, in 60-digit arithmetic, for weighted rational
approximation p(x)/q(x), q(0) = 1 (q = 1 for a polynomial).  The functions are arranged so that the
exactly representable leading terms (1, x, -x^2/2, ...) are *outside* the fitted factor.
"""
import sys
from mpmath import mp, mpf, matrix, lu_solve, atanh, exp, expm1, log, log1p, sin, cos, tanh, erf, erfc, sqrt, pi, atan, asin
import numpy as np
mp.dps = 60

def horner(c, x):
    s = mpf(0)
    for a in reversed(c):
        s = s * x + a
    return s

def remez(f, w, a, b, n, m=0, grid=1500, rounds=40):
    """Coefficients (p, q) and the max of |w (p/q - f)| over [a, b]."""
    a, b = mpf(a), mpf(b)
    xs = [(a + b) / 2 - (b - a) / 2 * cos(pi * (i + mpf(1) / 2) / grid) for i in range(grid)]
    fs, ws = [f(x) for x in xs], [w(x) for x in xs]
    k = n + m + 2
    ref = [round(i * (grid - 1) / (k - 1)) for i in range(k)]
    p, q = [], [mpf(1)]
    for _ in range(rounds):
        for _ in range(8 if m else 1):
            A, rhs = matrix(k, k), matrix(k, 1)
            for r, i in enumerate(ref):
                x = xs[i]
                for j in range(n + 1):
                    A[r, j] = x**j
                for j in range(1, m + 1):
                    A[r, n + j] = -fs[i] * x**j
                A[r, k - 1] = -(-1)**r / ws[i] * horner(q, x)
                rhs[r] = fs[i]
            s = lu_solve(A, rhs)
            p, q = list(s[:n + 1]), [mpf(1)] + list(s[n + 1:n + 1 + m])
        e = [ws[i] * (horner(p, xs[i]) / horner(q, xs[i]) - fs[i]) for i in range(grid)]
        new = []                                   # one extremum per run of equal sign
        for i in range(grid):
            if new and (e[i] > 0) == (e[new[-1]] > 0):
                if abs(e[i]) > abs(e[new[-1]]):
                    new[-1] = i
            else:
                new.append(i)
        while len(new) > k:                        # drop the weaker end
            new.pop(0 if abs(e[new[0]]) < abs(e[new[-1]]) else -1)
        if len(new) < k or new == ref:
            break
        ref = new
    return p, q, max(abs(v) for v in e)

def lit(v, bits):
    return repr(float(v)) if bits == 64 else str(np.float32(float(v)))

def show(name, bits, fit):
    p, q, err = fit
    scale = mpf("1.75") if name == "MILLS" else 1   # keeps sums off the bottom of a binade, where an ulp is relatively large
    print(f"// {name}, f{bits}: error 2^{float(log(err, 2)):.1f}")
    for s, c in (("P", p), ("Q", q)):
        if s == "P" or len(c) > 1:
            print(f"{name}_{s} = [{', '.join(lit(scale * v, bits) for v in c)}]")
    sys.stdout.flush()

def split(name, v, parts, bits):
    """v as an unevaluated sum of `parts` floats, each nearest to the rest."""
    out = []
    for _ in range(parts):
        h = mpf(float(v)) if bits == 64 else mpf(float(np.float32(float(v))))
        out.append(lit(h, bits)); v -= h
    print(f"{name} f{bits}: {out}")

def near0(f, f0):                                  # removable singularity at 0
    return lambda x: f(x) if abs(x) > mpf(10)**-12 else f0

def mills(u):
    return exp(u * u / 2) * erfc(u / sqrt(2)) / 2

H = log(2) / 2 * mpf("1.001")
FITS = {
    # e^r = 1 + r + r^2 P(r); weight makes r + r^2 P relatively accurate
    "EXP": lambda n: remez(near0(lambda r: (expm1(r) - r) / r**2, mpf(1) / 2), lambda r: abs(r) + mpf(10)**-20, -H, H, n),
    # tanh x = x + x z P(z)/Q(z), z = x^2
    "TANH": lambda n, m, b: remez(near0(lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, -mpf(1) / 3), lambda z: z + mpf(10)**-20, 0, mpf(b)**2, n, m),
    # erf x = x + x P(z)
    "ERF": lambda n, b: remez(near0(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1), lambda z: 1, 0, mpf(b)**2, n),
    # erfc x = e^(-x^2) P(x)/Q(x), absolute error on 1 - erfc
    "ERFC": lambda n, m, a, b: remez(lambda x: exp(x * x) * erfc(x), lambda x: exp(-x * x), a, b, n, m),
    # log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2
    "LOGS": lambda n: remez(near0(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, mpf(2) / 3), lambda z: z + mpf(10)**-20, 0, (mpf("1.4143") - 1)**2 / mpf("2.4142")**2, n),
    # log(1+f) = f - f^2/2 + f^3 P(f)
    "LOG": lambda n: remez(near0(lambda f: (log1p(f) - f + f * f / 2) / f**3, mpf(1) / 3), lambda f: f**2 + mpf(10)**-20, sqrt(mpf(1) / 2) - 1 - mpf("1e-4"), sqrt(mpf(2)) - 1 + mpf("1e-4"), n),
    # sin r = r + r z P(z), cos r = 1 - z/2 + z^2 P(z)
    "SIN": lambda n, b: remez(near0(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, -mpf(1) / 6), lambda z: z + mpf(10)**-20, 0, mpf(b)**2, n),
    "COS": lambda n, b: remez(near0(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24), lambda z: z * z + mpf(10)**-20, 0, mpf(b)**2, n),
    # atan x = x + x z P(z) on [0, 1], asin x = x + x z P(z) on [0, 1/2], z = x^2
    "ATAN": lambda n: remez(near0(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, -mpf(1) / 3), lambda z: z + mpf(10)**-20, 0, 1, n),
    "ASIN": lambda n: remez(near0(lambda z: (asin(sqrt(z)) / sqrt(z) - 1) / z, mpf(1) / 6), lambda z: z + mpf(10)**-20, 0, mpf(1) / 4, n),
    # 1 / (e^(u^2/2) (1 - Phi(u))) = sqrt(2 pi) u + P(u)/Q(u), relative error of the whole
    "MILLS": lambda n, m, b: remez(lambda u: 1 / mills(u) - sqrt(2 * pi) * u, mills, 0, b, n, m),
}
CHOSEN = [
    ("EXP", 64, 9), ("EXP", 32, 4), ("TANH", 64, 2, 3, "0.55"), ("TANH", 32, 1, 1, "0.55"),
    ("ERF", 64, 10, "0.84"), ("ERF", 32, 5, "0.84"), ("ERFC", 64, 5, 6, "0.84", 6), ("ERFC", 32, 2, 3, "0.84", 4),
    ("LOGS", 64, 6), ("LOG", 32, 6), ("SIN", 64, 5, "0.79"), ("COS", 64, 5, "0.79"), ("SIN", 32, 2, "0.80"),
    ("COS", 32, 2, "0.80"), ("ATAN", 64, 19), ("ATAN", 32, 8), ("ASIN", 64, 12), ("ASIN", 32, 5), ("MILLS", 64, 9, 10, 39), ("MILLS", 32, 4, 5, 15),
]
if __name__ == "__main__":
    for name, bits, *a in CHOSEN:
        show(name, bits, FITS[name](*a))
    for bits in (32, 64):
        split("LN2", log(2), 2, bits); split("PIO2", pi / 2, 3, bits); split("SQRT_2PI", sqrt(2 * pi), 1, bits)
    mp.prec = 1500
    print("TWO_OVER_PI =", [hex(int(2 / pi * 2**(64 * i + 64)) % 2**64) for i in range(20)])
