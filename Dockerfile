FROM apache/airflow:3.3.2-python3.12

LABEL org.opencontainers.image.title="Nightdesk" \
      org.opencontainers.image.description="A trading desk that works after the close, on Apache Airflow and PostgreSQL" \
      org.opencontainers.image.documentation="docs/scaling.md" \
      org.opencontainers.image.base.name="docker.io/apache/airflow:3.3.2-python3.12"

# Without compiled bytecode every task would spend three to six times as long on its imports.
ENV PYTHONDONTWRITEBYTECODE= \
    UV_COMPILE_BYTECODE=1 \
    GX_ANALYTICS_ENABLED=false \
    NIGHTDESK_ROOT=/opt/airflow/nightdesk \
    NIGHTDESK_HOME=/opt/airflow/state \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/nightdesk/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/nightdesk/plugins \
    PYTHONPATH=/opt/airflow/nightdesk/config

# A named volume takes its owner from the folder that it covers.
# Airflow writes a file of settings where it finds none, and its containers cannot write: an empty one is enough.
RUN mkdir -p /opt/airflow/nightdesk /opt/airflow/state /opt/airflow/logs && touch /opt/airflow/airflow.cfg

WORKDIR /opt/airflow/nightdesk
COPY --chown=airflow:0 requirements.txt ./
RUN pip install --no-cache-dir uv==0.13.9 && uv pip install --no-cache -r requirements.txt

COPY --chown=airflow:0 pyproject.toml ./
COPY --chown=airflow:0 include ./include
RUN uv pip install --no-cache --no-deps -e . && python -m compileall -q include

COPY --chown=airflow:0 config ./config
COPY --chown=airflow:0 sql ./sql
COPY --chown=airflow:0 books ./books
COPY --chown=airflow:0 plugins ./plugins
COPY --chown=airflow:0 dags ./dags

# The number of `airflow`: Kubernetes sees to it that a container is not root by its number.
USER 50000
