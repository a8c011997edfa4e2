import streamlit as st
st.title("PredictionDex")
st.selectbox("A", ["Pikachu", "Onix"])
