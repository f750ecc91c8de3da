# R, Bioconductor, Python and homespot in one image:
#   docker build -t homespot . && docker run --rm -it homespot make demo
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git make && rm -rf /var/lib/apt/lists/*
WORKDIR /homespot
COPY tools/setup-system.sh tools/r-packages.txt tools/
RUN HOMESPOT_SYSTEM_SETUP=1 tools/setup-system.sh && rm -rf /var/lib/apt/lists/*
COPY . .
RUN tools/setup-python.sh \
    && mkdir -p build/R-library && R CMD INSTALL --library=build/R-library .
ENV LANG=C.UTF-8 \
    PATH=/homespot/.venv/bin:$PATH \
    RETICULATE_PYTHON=/homespot/.venv/bin/python \
    R_LIBS=/homespot/build/R-library
CMD ["bash"]
