# Made by tools/methods.py from python/homespot/methods: not to be edited.

#' @rdname methodParameters
#' @section Parameters of method "come":
#' Learn the map together with an autoencoder that cells and spots share.
#'
#' With E and D the encoder and decoder, H = E(X) and P the softmax of each row
#' of the coefficients C (equation 5), the loss is
#'
#' ```
#' weight.reconstruction (mse(X_st, D(H')) + mse(X_sc, D(H_sc)))  eq. 1 to 3
#' + weight.mapping mse(H_st, H') + weight.shrinkage sum C^2  eq. 4
#' + weight.similarity (1 - Sim(X_st, X'))  eq. 6 and 7
#' + weight.contrast (L_icl + L_ctcl)  eq. 8 to 10
#' + weight.entropy (mean entropy of the rows of P) / log N,
#' ```
#'
#' H' and X' the cells' H and X summed at every spot as \code{summed} says.
#'
#' \describe{
#'   \item{\code{labels}}{
#'     Column of the annotation of the cells with their types, for equation 8
#'     ("COME+").
#'     \code{NULL} leaves that term out, and the record says so.
#'     A name, or \code{NULL}; by default \code{NULL}.}
#'   \item{\code{st.labels}}{
#'     Column of the annotation of the spots with their types, which equation 8
#'     uses as it uses those of the cells.
#'     \code{NULL}: the spots have no types.
#'     A name, or \code{NULL}; by default \code{NULL}.}
#'   \item{\code{n.genes}}{
#'     How many of the most variable genes of the single-cell data may be used.
#'     A whole number of at least 2; by default \code{3000}.}
#'   \item{\code{gene.weights}}{
#'     Weights of the genes in the correlation.
#'     \code{"equal"}: all count alike.
#'     \code{"spatial"}: sqrt(max(0, I)), where I is Moran's I of the gene over
#'     the spots (their 6 nearest within two pitches): a gene without a pattern
#'     in the tissue counts for nothing.
#'     Or a number for each gene, by name: a gene without a number is left out.
#'     \code{NULL}: \code{"spatial"} if the spots have coordinates, else
#'     \code{"equal"}.
#'     With weights, and coordinates of the spots, the map keeps the sharpness
#'     at which two halves of the genes agree best, and places are read at it.
#'     One of "equal", "spatial" or numbers by name, or \code{NULL}; by default
#'     \code{NULL}.}
#'   \item{\code{technology}}{
#'     \code{"imaging"}: every gene is brought to \[0, 1\] in each table.
#'     \code{"sequencing"}: both tables are divided by their largest value.
#'     \code{"auto"}: imaging if the spatial data has fewer than 2,000 genes.
#'     One of "auto", "imaging", "sequencing"; by default \code{"auto"}.}
#'   \item{\code{hidden}}{
#'     Width of the hidden layer of the autoencoder.
#'     A whole number of at least 1; by default \code{256}.}
#'   \item{\code{latent}}{
#'     Width of the latent rows, the last layer of the encoder.
#'     A whole number of at least 1; by default \code{128}.}
#'   \item{\code{pretrain.epochs}}{
#'     Most epochs of the autoencoder alone.
#'     A whole number of at least 1; by default \code{100}.}
#'   \item{\code{pretrain.patience}}{
#'     The pretraining stops after this many epochs without a smaller error on
#'     the rows that were held out.
#'     A whole number of at least 1; by default \code{10}.}
#'   \item{\code{pretrain.batch}}{
#'     Rows in a batch of the pretraining.
#'     A whole number of at least 1; by default \code{256}.}
#'   \item{\code{pretrain.rate}}{
#'     Learning rate of the pretraining, by Adam.
#'     A number above 0 and of at most 1e+06; by default \code{0.001}.}
#'   \item{\code{epochs}}{
#'     Steps of the whole model.
#'     More is not better: the map over-fits while the loss still falls.
#'     A whole number of at least 1; by default \code{20}.}
#'   \item{\code{rate}}{
#'     Learning rate of the autoencoder in the training, by Adam.
#'     A number above 0 and of at most 1e+06; by default \code{0.001}.}
#'   \item{\code{map.rate}}{
#'     Learning rate of C, by map.optimiser.
#'     A number above 0 and of at most 1e+06; by default \code{0.05}.}
#'   \item{\code{map.optimiser}}{
#'     \code{"mirror"}: mirror descent on P.
#'     \code{"adam"}: Adam on C, as published.
#'     One of "mirror", "adam"; by default \code{"mirror"}.}
#'   \item{\code{start}}{
#'     C at the start.
#'     \code{"correlation"}: rho / start.temperature with rho the correlation of
#'     SSA, by gene.weights.
#'     \code{"ssa"}: log P of SSA with its defaults, on the same genes with
#'     these weights.
#'     \code{"uniform"}: 1 / (M N) (the paper); which has no gene.weights.
#'     One of "correlation", "ssa", "uniform"; by default \code{"correlation"}.}
#'   \item{\code{start.temperature}}{
#'     Softness of the start from the correlation.
#'     A number from 0.01 to 1e+06; by default \code{0.15}.}
#'   \item{\code{summed}}{
#'     How the cells are summed at every spot.
#'     \code{"mean"}: by P over its column sums.
#'     \code{"sum"}: by P.
#'     \code{"coefficients"}: H by C and X by P, as printed in equations 1, 4
#'     and 6.
#'     One of "mean", "sum", "coefficients"; by default \code{"mean"}.}
#'   \item{\code{tau}}{
#'     Temperature of the contrastive terms.
#'     A number from 0.02 to 1e+06; by default \code{0.8}.}
#'   \item{\code{weight.reconstruction}}{
#'     Weight of the error of the decoded tables, equations 1 to 3; 0 leaves it
#'     out.
#'     A number from 0 to 1e+06; by default \code{1}.}
#'   \item{\code{weight.mapping}}{
#'     Weight of the error of the mapped latent rows, equation 4; 0 leaves it
#'     out.
#'     A number from 0 to 1e+06; by default \code{0.01}.}
#'   \item{\code{weight.shrinkage}}{
#'     Weight of the squares of C in equation 4; 0 leaves them out.
#'     Above 0 it needs \code{map.optimiser="adam"}.
#'     A number from 0 to 1e+06; by default \code{0}.}
#'   \item{\code{weight.similarity}}{
#'     Weight of the structural similarity of the mapped and the measured
#'     expression, equations 6 and 7; 0 leaves it out.
#'     A number from 0 to 1e+06; by default \code{0.03}.}
#'   \item{\code{weight.contrast}}{
#'     Weight of both contrastive terms, equations 8 to 10; 0 leaves them out.
#'     A number from 0 to 1e+06; by default \code{0.03}.}
#'   \item{\code{weight.entropy}}{
#'     Weight of the mean entropy of the rows of P over log N, which the paper
#'     does not have; 0 leaves it out.
#'     A number from 0 to 1e+06; by default \code{0}.}
#'   \item{\code{validation.genes}}{
#'     Share of the genes kept from the training; the state kept is the one that
#'     predicts them best. 0 trains on all genes and keeps the last state.
#'     A number from 0 to 0.5; by default \code{0}.}
#'   \item{\code{candidates}}{
#'     For how many spots of each cell C is kept: the most probable ones of SSA
#'     where that is the start, else the most correlated ones.
#'     Only these entries take memory, the map is sparse, and P is 0 at all
#'     other spots.
#'     \code{NULL}: all spots.
#'     \code{"auto"}: 1,024 for more than 268 million pairs of a cell and a spot
#'     and more than 2,048 spots, else \code{NULL}.
#'     One of "auto" or a whole number, or \code{NULL}; by default
#'     \code{"auto"}.}
#'   \item{\code{checkpoint}}{
#'     A file to write the state to, every minute and at the end, also after an
#'     interruption of the training.
#'     If the file is there, the training goes on from it, to the result of an
#'     uninterrupted one (on the same device, with as many threads), whichever
#'     language wrote it.
#'     \code{NULL} writes nothing.
#'     A path, or \code{NULL}; by default \code{NULL}.}
#' }
#'
#' @section Parameters of method "correlation":
#' Map every cell by itself: P\[i, j\] proportional to exp(-D\[i, j\] /
#' (regularisation max D)), D = 1 - rho.
#'
#' That is SSA with the spots' marginal ignored, so one step solves it.
#' Its largest entry of a row is the spot of highest correlation, whatever the
#' regularisation.
#'
#' \describe{
#'   \item{\code{n.genes}}{
#'     How many of the most variable genes of the single-cell data may be used.
#'     A whole number of at least 2; by default \code{5000}.}
#'   \item{\code{correlation}}{
#'     \code{"signed"}: D = 1 - rho.
#'     \code{"absolute"}: D = 1 - abs(rho), as in the paper, for which an
#'     anti-correlated spot is as near as a correlated one.
#'     One of "signed", "absolute"; by default \code{"signed"}.}
#'   \item{\code{gene.weights}}{
#'     Weights of the genes in the correlation.
#'     \code{"equal"}: all count alike.
#'     \code{"spatial"}: sqrt(max(0, I)), where I is Moran's I of the gene over
#'     the spots (their 6 nearest within two pitches): a gene without a pattern
#'     in the tissue counts for nothing.
#'     Or a number for each gene, by name: a gene without a number is left out.
#'     \code{NULL}: \code{"spatial"} if the spots have coordinates, else
#'     \code{"equal"}.
#'     With weights, and coordinates of the spots, the map keeps the sharpness
#'     at which two halves of the genes agree best, and places are read at it.
#'     One of "equal", "spatial" or numbers by name, or \code{NULL}; by default
#'     \code{NULL}.}
#'   \item{\code{regularisation}}{
#'     Entropic regularisation, relative to the largest cost; smaller is
#'     sharper.
#'     A number from 1e-06 to 1e+06; by default \code{0.05}.}
#'   \item{\code{storage}}{
#'     \code{"stored"}: the cells x spots kernel is kept in memory.
#'     \code{"streamed"}: it is made anew, block by block, in every pass, and
#'     only the data takes memory.
#'     P is the same, by torch up to rounding; without k_best it is not written
#'     down, but kept as features and potentials, and every verb makes its rows
#'     when it reads them.
#'     \code{NULL}: \code{"streamed"} for more than 67 million pairs of a cell
#'     and a spot with k_best, and for more than 2,147 million without, else
#'     \code{"stored"}.
#'     One of "stored", "streamed", or \code{NULL}; by default \code{NULL}.}
#'   \item{\code{n.components}}{
#'     How many principal components of both tables stand for the genes, which
#'     makes every pass cheaper; the record has the error of the correlations.
#'     \code{NULL}: the genes themselves, which is exact.
#'     \code{"auto"}: 128 where the kernel is streamed, else \code{NULL}.
#'     One of "auto" or a whole number, or \code{NULL}; by default
#'     \code{"auto"}.}
#' }
#'
#' @section Parameters of method "ssa":
#' Map cells to spots by entropic optimal transport on the correlation of their
#' expression.
#'
#' Both tables are restricted to the shared genes among the \code{n.genes} most
#' variable of the single-cell data, on the log scale, and every gene is
#' z-scored within each table.
#' With rho the Pearson correlation of a cell and a spot over the genes, D = 1 -
#' rho, K = exp(-D / (regularisation max D)), Sinkhorn finds T = diag(a) K
#' diag(b) with row sums p and column sums q, and P = T with every row divided
#' by its sum.
#'
#' \describe{
#'   \item{\code{n.genes}}{
#'     How many of the most variable genes of the single-cell data may be used.
#'     A whole number of at least 2; by default \code{5000}.}
#'   \item{\code{correlation}}{
#'     \code{"signed"}: D = 1 - rho.
#'     \code{"absolute"}: D = 1 - abs(rho), as in the paper, for which an
#'     anti-correlated spot is as near as a correlated one.
#'     One of "signed", "absolute"; by default \code{"signed"}.}
#'   \item{\code{gene.weights}}{
#'     Weights of the genes in the correlation.
#'     \code{"equal"}: all count alike.
#'     \code{"spatial"}: sqrt(max(0, I)), where I is Moran's I of the gene over
#'     the spots (their 6 nearest within two pitches): a gene without a pattern
#'     in the tissue counts for nothing.
#'     Or a number for each gene, by name: a gene without a number is left out.
#'     \code{NULL}: \code{"spatial"} if the spots have coordinates, else
#'     \code{"equal"}.
#'     With weights, and coordinates of the spots, the map keeps the sharpness
#'     at which two halves of the genes agree best, and places are read at it.
#'     One of "equal", "spatial" or numbers by name, or \code{NULL}; by default
#'     \code{NULL}.}
#'   \item{\code{regularisation}}{
#'     Entropic regularisation, relative to the largest cost; smaller is
#'     sharper. 0 is the exact plan, by \code{backend="pot"}: both marginals are
#'     kept, and the sharpness of the map is not known.
#'     A number from 0 to 1e+06; by default \code{0.05}.}
#'   \item{\code{marginals}}{
#'     p and q.
#'     \code{"uniform"}: the same for all.
#'     \code{"expression"}: the row sums on the log scale over the genes used
#'     (the paper).
#'     \code{"expression_all"}: the row sums on the log scale over all genes.
#'     \code{"counts"}: the row sums of the tables as given.
#'     One of "uniform", "expression", "expression_all", "counts"; by default
#'     \code{"expression"}.}
#'   \item{\code{relax.cells}}{
#'     How far the masses of the cells may leave p, from 0 (p is kept) to 1 (p
#'     is ignored).
#'     The exponent of the scaling update is 1 - relax.cells, that is, a
#'     Kullback-Leibler penalty of weight regularisation (1 - relax.cells) /
#'     relax.cells holds the marginal.
#'     A number from 0 to 1; by default \code{0}.}
#'   \item{\code{relax.spots}}{
#'     How far the masses of the spots may leave q, from 0 (q is kept) to 1 (q
#'     is ignored, which gives the row softmax of the correlation).
#'     The exponent of the scaling update is 1 - relax.spots, as for
#'     relax.cells.
#'     \code{NULL}: q is kept within neighbourhoods of two pitches, and each
#'     neighbourhood has the mass that the row softmax brings to it, read as
#'     places are; 0.75 if the sharpness at which places are read is not known.
#'     A number from 0 to 1, or \code{NULL}; by default \code{NULL}.}
#'   \item{\code{tolerance}}{
#'     The solver stops when the L1 error of the marginals is at most this, and
#'     another iteration would change no row of P by more than ten times this
#'     (L1), however small the mass of its cell.
#'     A number above 0; by default \code{0.0001}.}
#'   \item{\code{max.iter}}{
#'     Most iterations; a warning says if they were not enough.
#'     A whole number of at least 1; by default \code{2000}.}
#'   \item{\code{storage}}{
#'     \code{"stored"}: the cells x spots kernel is kept in memory.
#'     \code{"streamed"}: it is made anew, block by block, in every pass, and
#'     only the data takes memory.
#'     P is the same, by torch up to rounding; without k_best it is not written
#'     down, but kept as features and potentials, and every verb makes its rows
#'     when it reads them.
#'     \code{NULL}: \code{"streamed"} for more than 67 million pairs of a cell
#'     and a spot with k_best, and for more than 2,147 million without, else
#'     \code{"stored"}.
#'     One of "stored", "streamed", or \code{NULL}; by default \code{NULL}.}
#'   \item{\code{n.components}}{
#'     How many principal components of both tables stand for the genes, which
#'     makes every pass cheaper; the record has the error of the correlations.
#'     \code{NULL}: the genes themselves, which is exact.
#'     \code{"auto"}: 128 where the kernel is streamed, else \code{NULL}.
#'     One of "auto" or a whole number, or \code{NULL}; by default
#'     \code{"auto"}.}
#'   \item{\code{backend}}{
#'     What solves the transport.
#'     \code{"numba"}: compiled loops on the CPU; \code{"torch"}: CPU or GPU;
#'     \code{"pot"}: the stored problem by the independent library POT, in
#'     float64, to hold one answer against the other.
#'     \code{NULL}: the one that suits the device.
#'     One of "numba", "torch", "pot", or \code{NULL}; by default \code{NULL}.}
#' }
#'
#' @name methodParameters
NULL
